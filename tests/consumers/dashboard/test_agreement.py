"""Scorers beside people: the conditions in the product, with the cases of Prometheus' rule tests."""

import pytest
from plaudit_consumers.dashboard.agreement import agreements
from plaudit_consumers.dashboard.conditions import conditions
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot
from plaudit_schemas.alerts import definitions

LIMITS = definitions().limits("production")
HOUR, DAY = 3600, 86_400
Given = tuple[float, int, float]


def _snapshot(
    window: int, accuracy: Given, *, low: float = 0.0, source: str = "sdk", variant: str = ""
) -> Snapshot:
    share, count, error = accuracy
    dimensions = ("user", "taste:1", "message")
    figures = {
        FigureId("agreement_accuracy:satisfaction", *dimensions): FigureValue(
            share, share - 0.1, share + 0.1, count, error, count
        ),
        FigureId("agreement_auc:satisfaction", *dimensions): FigureValue(0.7, 0.6, 0.8, count),
        FigureId("agreement_calibration_error:satisfaction", *dimensions): FigureValue(
            low + 0.05, low, low + 0.1, count
        ),
        FigureId("accuracy", "user", "", "message"): FigureValue(0.9, 0.8, 1.0, count),
    }
    return Snapshot(window, 1, Series("a", "m", "1", variant, source), False, figures)


def _found(*snapshots: Snapshot) -> list[str]:
    return [condition.alert for condition in conditions(snapshots, LIMITS)]


def test_the_figures_of_a_scorer_are_put_together() -> None:
    (one,) = agreements(_snapshot(DAY, (0.8, 1000, 0.013)))
    assert (one.scorer, one.aspect, one.rater_kind) == ("taste:1", "satisfaction", "user")
    assert (one.accuracy.value, one.auc.value, one.mcc.value, one.brier.count) == (0.8, 0.7, None, 0)


def test_a_drop_that_chance_cannot_explain() -> None:
    found = conditions([_snapshot(HOUR, (0.5, 200, 0.035)), _snapshot(DAY, (0.8, 1000, 0.013))], LIMITS)
    assert [condition.alert for condition in found] == ["PlauditAgreementDrop"]
    assert "on 50% of the messages, before on 88% (satisfaction, 200 judged in 1h)" in found[0].text
    assert found[0].subject == ("a", "taste:1", "satisfaction", "user")


@pytest.mark.parametrize(
    ("recent", "reference"),
    [
        (_snapshot(HOUR, (0.79, 2000, 0.009)), _snapshot(DAY, (0.85, 10_000, 0.0036))),
        (_snapshot(HOUR, (0.2, 40, 0.06)), _snapshot(DAY, (0.8, 1000, 0.013))),
        (_snapshot(HOUR, (0.5, 200, 0.035)), _snapshot(DAY, (0.6, 300, 0.028))),
        (_snapshot(HOUR, (0.68, 60, 0.06)), _snapshot(DAY, (0.8, 1000, 0.013))),
        (
            _snapshot(HOUR, (0.5, 200, 0.035), source="import"),
            _snapshot(DAY, (0.8, 1000, 0.013), source="import"),
        ),
        (
            _snapshot(HOUR, (0.5, 200, 0.035), variant="x:b"),
            _snapshot(DAY, (0.8, 1000, 0.013), variant="x:b"),
        ),
    ],
    ids=["too little", "few judged", "a young version", "within chance", "an import", "one arm"],
)
def test_none_of_these_is_one(recent: Snapshot, reference: Snapshot) -> None:
    assert _found(recent, reference) == []


def test_scores_that_are_off() -> None:
    good = (0.8, 1000, 0.013)
    found = conditions([_snapshot(DAY, good, low=0.2)], LIMITS)
    assert [condition.alert for condition in found] == ["PlauditScorerMiscalibrated"]
    assert found[0].text == ("Scores of taste:1 for m are off by 25% (satisfaction, 1000 judged by users)")
    assert _found(_snapshot(DAY, good, low=0.02)) == []
    assert _found(_snapshot(DAY, (0.8, 100, 0.04), low=0.5)) == []
    assert _found(_snapshot(HOUR, good, low=0.5)) == []
