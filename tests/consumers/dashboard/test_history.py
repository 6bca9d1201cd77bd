"""The history: the latest of each series, a bounded past, whatever order things come in."""

from plaudit_consumers.dashboard.history import CHARTED_SCORERS, LARGEST_SERIES, POINTS, SnapshotHistory
from plaudit_consumers.dashboard.snapshots import (
    FigureId,
    FigureValue,
    Series,
    Snapshot,
    as_json,
    from_record,
)
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.examples import examples

SECOND = 1_000_000


def _snapshot(at: int, model: str = "m", window: int = 60, variant: str = "", value: float = 4.0) -> Snapshot:
    figures = {
        FigureId("satisfaction", "user", "thumb", "message"): FigureValue(value, 3.0, 5.0, 10),
        FigureId("time_spent_s_p50"): FigureValue(10.0, None, None, 10),
    }
    return Snapshot(window, at, Series("a", model, "", variant, "sdk"), True, figures)


def test_the_latest_counts_whatever_the_order() -> None:
    history = SnapshotHistory()
    for at in (2, 3, 1):
        history.add_snapshot(_snapshot(at * SECOND, value=at))
    assert [snapshot.at for snapshot in history.current()] == [3 * SECOND]
    assert history.newest_at == 3 * SECOND


def test_a_series_that_is_published_no_more_is_not_shown() -> None:
    history = SnapshotHistory()
    for at in (1, 2):
        history.add_snapshot(_snapshot(at * SECOND, "old"))
        history.add_snapshot(_snapshot(at * SECOND, "new"))
    history.add_snapshot(_snapshot(3 * SECOND, "new"))
    assert {snapshot.series.model for snapshot in history.current()} == {"old", "new"}, (
        "a round may be under way"
    )
    history.add_snapshot(_snapshot(4 * SECOND, "new"))
    assert {snapshot.series.model for snapshot in history.current()} == {"new"}
    assert {series.model for (_, series), _ in history.past()} == {"new"}


def test_the_past_is_spaced_and_bounded() -> None:
    history = SnapshotHistory()
    for tick in range(10 * POINTS):
        history.add_snapshot(_snapshot(tick * SECOND // 2, window=60))
        history.add_snapshot(_snapshot(tick * SECOND // 2, window=300))
    past = {window: points for (window, _), points in history.past()}
    assert len(past[60]) == len(past[300]) == POINTS
    assert {b[0] - a[0] for a, b in zip(past[60], past[60][1:], strict=False)} == {SECOND}
    assert {b[0] - a[0] for a, b in zip(past[300], past[300][1:], strict=False)} == {5 * SECOND}
    assert {which.name for which in past[60][0][1]} == {"satisfaction"}, "what is not charted is not kept"


def test_of_many_scorers_the_past_keeps_how_often_those_with_the_most_answers_agree() -> None:
    history, snapshot = SnapshotHistory(), _snapshot(SECOND)
    figures = {
        FigureId(f"{measure}:satisfaction", "user", f"s{number:02}:1", "message"): FigureValue(
            0.8, 0.7, 0.9, 100 - number
        )
        for number in range(2 * CHARTED_SCORERS)
        for measure in ("agreement_accuracy", "agreement_auc")
    }
    history.add_snapshot(snapshot._replace(figures={**snapshot.figures, **figures}))
    ((_, ((_, kept),)),) = history.past()
    assert {which.scale for which in kept if which.name.startswith("agreement_")} == {
        f"s{number:02}:1" for number in range(CHARTED_SCORERS)
    }
    assert {which.name for which in kept} == {"satisfaction", "agreement_accuracy:satisfaction"}


def test_a_flood_of_series_keeps_the_past_of_some() -> None:
    history = SnapshotHistory()
    for number in range(3 * LARGEST_SERIES):
        history.add_snapshot(_snapshot(SECOND, f"m{number}"))
    history.add_snapshot(_snapshot(SECOND, "m0", variant="exp:b"))
    assert len(list(history.past())) == LARGEST_SERIES
    assert len(history.current()) == 3 * LARGEST_SERIES + 1


def test_series_of_long_ago_are_forgotten() -> None:
    history = SnapshotHistory()
    history.add_snapshot(_snapshot(SECOND, "old"))
    history.add_snapshot(_snapshot(3 * 86_400 * SECOND, "new"))
    assert [snapshot.series.model for snapshot in history.current()] == ["new"]


def test_a_record_of_the_topic_becomes_a_snapshot_and_json() -> None:
    decoder = Decoder("metric_snapshot")
    for example in examples("metric_snapshot"):
        record = decoder.decode(example.payload)
        shown = as_json(from_record(record))
        assert {name: shown[name] for name in ("at", "model", "source", "immature")} == {
            name: record[name] for name in ("at", "model", "source", "immature")
        }
        assert {figure["name"] for figure in shown["figures"]} == {f["name"] for f in record["figures"]}
