"""Figures as text."""

from datetime import UTC, datetime

from plaudit_producers.review.quality.figures import queue_figures
from plaudit_producers.review.quality.text import status_lines
from plaudit_schemas.review.claims import QueueProgress

from tests.producers.review.quality.queues import item, rubric_of, simulated

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PROGRESS = QueueProgress(150, 80, 240, 3, 2, 1, {"random": (150, 80)})


def test_the_text_names_who_is_careless_and_shows_intervals() -> None:
    rubric, items = simulated(1, {"ana": 0.95, "ben": 0.9, "cleo": 0.9, "dan": 0.0})
    figures = queue_figures(rubric, items, NOW)
    lines = list(status_lines(PROGRESS, figures))
    assert lines[0] == "80 of 150 items are done; 240 verdicts, 3 surplus, 2 under way, 1 declined"
    assert "random share: 120 of 120 answered, 0 only declined" in lines
    alpha = figures["questions"][0]["alpha"]
    (helpful,) = (line for line in lines if line.startswith("helpful "))
    assert f"{alpha['value']:.3f} ({alpha['low']:.3f} to {alpha['high']:.3f})" in helpful
    careless = [line for line in lines if "careless" in line]
    assert [line.split()[0] for line in careless] == ["dan"]
    assert "far below the usual on control items and the others" in careless[0]


def test_a_name_cannot_control_the_terminal() -> None:
    found = item(
        0,
        {"\x1b[31mred": {"helpful": True}, "ana": {"helpful": True}},
        machine={"judge\x1b": {"helpful": 0.9}},
    )
    text = "\n".join(status_lines(PROGRESS, queue_figures(rubric_of(), [found], NOW)))
    assert "\x1b" not in text
    assert "judge" in text


def test_an_empty_queue_has_its_counts() -> None:
    progress = QueueProgress(0, 0, 0, 0, 0, 0, {})
    text = "\n".join(status_lines(progress, queue_figures(rubric_of(), [], NOW)))
    assert "0 of 0 items are done" in text
    assert "careless" not in text
