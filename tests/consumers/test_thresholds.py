"""Means at a threshold: floating point must not decide on which side they lie."""

import pytest

from tests.consumers.builders import rows
from tests.support.finished import Record, chat, number


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
