"""Means at a threshold: floating point must not decide on which side they lie."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.files.metadata import FileMetadata
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from tests.consumers.builders import canonical, rows
from tests.support.finished import Record, chat, number
from tests.support.offline_sink import feed, log, sink


def _rated(*scores: float) -> Record:
    judged = [number("a", score, rater={"id": f"u{at}"}) for at, score in enumerate(scores)]
    for each in judged:
        each["feedback"]["value"][1].update(minimum=0.0, maximum=1.0)
    return chat(*judged)


@pytest.mark.parametrize(
    ("scores", "label"),
    [
        pytest.param((0.2, 0.4, 0.6), False, id="just above 0.4"),
        pytest.param((0.6, 0.4, 0.2), False, id="the same in another order"),
        pytest.param((0.1, 0.7), False, id="just below 0.4"),
        pytest.param((0.4,), False, id="exactly 0.4"),
        pytest.param((0.41,), None, id="above 0.4"),
        pytest.param((0.59,), None, id="below 0.6"),
        pytest.param((0.5, 0.9, 0.7, 0.3), True, id="just below 0.6"),
    ],
)
def test_a_mean_at_a_threshold_reaches_it(scores: tuple[float, ...], label: bool | None) -> None:
    found = rows(_rated(*scores), min_agreement=0)["kto"]
    assert [row["label"] for row in found] == ([] if label is None else [label])


def test_the_mean_of_an_example_is_not_exact() -> None:
    """Or the cases above would prove nothing."""
    assert (0.2 + 0.4 + 0.6) / 3 == 0.4000000000000001
    assert (0.5 + 0.9 + 0.7 + 0.3) / 4 < 0.6


def test_files_of_the_earlier_rules_keep_their_rows(tmp_path: Path) -> None:
    table = canonical(_rated(0.2, 0.4, 0.6))
    settings = RowSettings(min_agreement=0)
    assert list(derive(table, settings, 1)) == []
    assert [subset for subset, _ in derive(table, settings, 2)] == ["kto"]
    feed(sink(tmp_path), log(3))
    footer = pq.read_metadata(next(tmp_path.rglob("conversations/*/*.parquet")))
    assert FileMetadata.from_footer(footer).rules == 2
    text = footer.metadata[b"plaudit"].replace(b'"rules":2,', b"")
    assert FileMetadata.model_validate_json(text).rules == 1


@pytest.mark.parametrize("good", ["0.4", "0.4000000000000001", "0.3"], ids=["equal", "just above", "below"])
def test_thresholds_that_one_score_could_reach_both_are_refused(good: str) -> None:
    with pytest.raises(SettingsError, match="must lie below"):
        load(RowSettings, environ={"PLAUDIT_KTO_GOOD_SCORE": good})
