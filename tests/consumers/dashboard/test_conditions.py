"""The alerts in the product: the same cases as Prometheus' rule tests, with the same limits."""

import pytest
from plaudit_consumers.dashboard.changes import Condition
from plaudit_consumers.dashboard.conditions import (
    ActiveAlert,
    AlertTracker,
    age_conditions,
    conditions,
)
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot
from plaudit_schemas.alerts import definitions
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects

LIMITS = definitions().limits("production")
HOUR, DAY = 3600, 86_400


def _snapshot(
    window: int, version: str = "1", source: str = "sdk", variant: str = "", **figures: FigureValue
) -> Snapshot:
    named = {
        FigureId(name, "user", "thumb", "message")
        if name == "satisfaction"
        else FigureId(name, "reviewer", "", "message")
        if name == "accuracy"
        else FigureId(name): value
        for name, value in figures.items()
    }
    return Snapshot(window, 1, Series("a", "m", version, variant, source), False, named)


def _mean(value: float, count: int, error: float = 0.1) -> FigureValue:
    return FigureValue(value, None, None, count, error)


def _count(count: int) -> FigureValue:
    return FigureValue(float(count), None, None, count)


def _found(*snapshots: Snapshot) -> list[str]:
    return [condition.alert for condition in conditions(snapshots, LIMITS)]


def test_a_fall_that_chance_cannot_explain() -> None:
    found = conditions(
        [
            _snapshot(HOUR, satisfaction=_mean(3.4, 100, 0.15)),
            _snapshot(DAY, satisfaction=_mean(4.2, 2000, 0.03)),
        ],
        LIMITS,
    )
    assert [condition.alert for condition in found] == ["PlauditSatisfactionDrop"]
    assert "fell from 4.24 to 3.40 (100 votes in 1h)" in found[0].text
    assert found[0].subject == ("a", "m", "thumb", "message")


@pytest.mark.parametrize(
    "recent",
    [
        _snapshot(HOUR, satisfaction=_mean(1.0, 49, 0.01)),
        _snapshot(HOUR, satisfaction=_mean(3.7, 60, 0.25)),
        _snapshot(HOUR, satisfaction=_mean(4.0, 100, 0.001)),
        _snapshot(HOUR, satisfaction=_mean(1.0, 1000, 0.01), source="import"),
        _snapshot(HOUR, satisfaction=_mean(1.0, 1000, 0.01), variant="exp:b"),
    ],
    ids=["few votes", "within chance", "too little", "an import", "one arm"],
)
def test_none_of_these_is_one(recent: Snapshot) -> None:
    assert _found(recent, _snapshot(DAY, satisfaction=_mean(4.2, 2000, 0.03))) == []


def test_a_new_version_is_held_against_the_old_ones_day() -> None:
    new = _mean(2.5, 300)
    assert _found(
        _snapshot(HOUR, "2", satisfaction=new),
        _snapshot(DAY, "2", satisfaction=new),
        _snapshot(DAY, "1", satisfaction=_mean(4.5, 1000, 0.05)),
    ) == ["PlauditSatisfactionDrop"]


def test_accuracy_below_the_floor() -> None:
    assert _found(_snapshot(HOUR, accuracy=FigureValue(0.4, None, None, 100))) == ["PlauditAccuracyLow"]
    assert _found(_snapshot(HOUR, accuracy=FigureValue(0.6, None, None, 100))) == []
    assert _found(_snapshot(HOUR, accuracy=FigureValue(0.1, None, None, 10))) == []


def test_votes_that_stop_while_chats_go_on() -> None:
    usual = _snapshot(DAY, messages_assistant=_count(100_000), satisfaction=_mean(4.0, 5000))
    assert _found(usual, _snapshot(300, messages_assistant=_count(400))) == ["PlauditFeedbackStopped"]
    assert _found(usual, _snapshot(300, messages_assistant=_count(100))) == []
    assert _found(usual, _snapshot(300, messages_assistant=_count(400), satisfaction=_mean(5.0, 1))) == []


def test_reviews_that_come_an_hour_late_are_no_silence() -> None:
    reviewed = _snapshot(
        DAY, messages_assistant=_count(100_000), coverage=FigureValue(0.1, None, None, 100_000)
    )
    now = _snapshot(300, messages_assistant=_count(400), coverage=FigureValue(0.0, 0, 0, 400))
    assert _found(reviewed, now) == []


def test_the_line_that_brings_the_figures() -> None:
    now = 10_000_000_000
    found = age_conditions(now - 121_000_000, 50_001, now, LIMITS)
    assert [condition.alert for condition in found] == ["PlauditSnapshotsStale", "PlauditLagHigh"]
    assert age_conditions(now - 119_000_000, 50_000, now, LIMITS) == []
    assert age_conditions(0, None, now, LIMITS) == []


def test_clocks_that_are_wrong() -> None:
    versions = [
        _snapshot(HOUR, version, skewed_events=_count(skewed), messages_assistant=_count(100))
        for version, skewed in (("1", 40), ("2", 41))
    ]
    (found,) = conditions(versions, LIMITS)
    assert (found.alert, found.subject) == ("PlauditClockSkew", ("a", "sdk"))
    assert found.text.startswith("81 events of a (sdk)")
    assert _found(_snapshot(HOUR, skewed_events=_count(50))) == ["PlauditClockSkew"]
    assert _found(_snapshot(HOUR, skewed_events=_count(49))) == []
    assert _found(_snapshot(HOUR, skewed_events=_count(400), messages_assistant=_count(2000))) == []
    assert _found(_snapshot(HOUR, skewed_events=_count(400), source="import")) == []
    assert _found(_snapshot(HOUR, skewed_events=_count(400), variant="e:b")) == []


def test_every_alert_in_the_product_is_defined() -> None:
    names = {alert.alert for alert in definitions().alerts}
    assert {
        "PlauditSatisfactionDrop", "PlauditAccuracyLow", "PlauditFeedbackStopped",
        "PlauditSnapshotsStale", "PlauditLagHigh", "PlauditClockSkew",
    } <= names  # fmt: skip


def test_a_condition_is_an_alert_when_it_lasts() -> None:
    tracker, condition = AlertTracker(hold_s=60), Condition("A", ("x",), "text")
    assert tracker.update([condition], 0) == [ActiveAlert(condition, 0, pending=True)]
    assert tracker.update([], 30) == []
    assert tracker.update([condition], 40) == [ActiveAlert(condition, 40, pending=True)]
    assert tracker.update([condition], 99) == [ActiveAlert(condition, 40, pending=True)]
    assert tracker.update([condition], 100) == [ActiveAlert(condition, 40)]


ASPECTS = Aspects(
    {
        "a": [
            AspectDeclaration(name=name, kinds=("number",), levels=("message",), direction=direction)
            for name, direction in (
                ("helpful", "higher_is_better"), ("verbose", "lower_is_better"), ("flat", "neutral"),
                ("satisfaction", "higher_is_better"),
            )
        ]
    }
)  # fmt: skip


def _rated(
    aspect: str, before: float, now: float, *, votes: int = 100, scale: str = "number", error: float = 0.01
) -> list[Snapshot]:
    which = FigureId(f"aspect:{aspect}", "user", scale, "message")
    return [
        _snapshot(window)._replace(figures={which: value})
        for window, value in (
            (HOUR, _mean(now, votes, error)),
            (DAY, _mean((9 * before + now) / 10, 10 * votes, 0.003)),
        )
    ]


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        pytest.param(_rated("helpful", 0.8, 0.5), ["PlauditAspectDrop"], id="worse"),
        pytest.param(_rated("helpful", 0.5, 0.8), [], id="better"),
        pytest.param(_rated("verbose", 0.1, 0.4), ["PlauditAspectRise"], id="worse-by-rising"),
        pytest.param(_rated("verbose", 0.4, 0.1), [], id="better-by-falling"),
        pytest.param(_rated("flat", 0.8, 0.1), [], id="neutral"),
        pytest.param(_rated("undeclared", 0.8, 0.1), [], id="undeclared"),
        pytest.param(_rated("helpful", 0.8, 0.75), [], id="small-change"),
        pytest.param(_rated("helpful", 0.8, 0.5, votes=49), [], id="few-votes"),
        pytest.param(_rated("helpful", 0.8, 0.5, error=0.08), [], id="chance"),
        pytest.param(_rated("helpful", 0.8, 0.5, scale="label:x"), [], id="label"),
    ],
)
def test_declared_aspects_alert_against_their_direction(
    snapshots: list[Snapshot], expected: list[str]
) -> None:
    found = conditions(snapshots, LIMITS, ASPECTS)
    assert [condition.alert for condition in found] == expected
    assert conditions(snapshots, LIMITS) == []


def test_an_alert_on_an_aspect_says_what_changed() -> None:
    (found,) = conditions(_rated("helpful", 0.8, 0.5), LIMITS, ASPECTS)
    assert found.text == "helpful of m fell from 80% to 50% of its scale (100 votes in 1h)"
    assert found.subject == ("a", "m", "helpful", "number", "message")
