"""A real Label Studio checks configurations and predictions: it takes those of every target."""

import pytest
from plaudit_producers.interchange.label_studio_config import labelling_config
from plaudit_producers.interchange.label_studio_tasks import are_pairs, label_studio_task
from plaudit_schemas.review.targets import ReviewTarget

from tests.label_studio.server import LabelStudio
from tests.producers.interchange.rubrics import ANSWER, ANSWERS, labels, number, rubric, score, task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

EVERY = (
    *(score("a1", number(share), name) for name, share in (("stars", 0.8), ("grade", 1.0), ("good", 0.1))),
    score("a1", labels("rude"), "tone", "label"),
    score("a1", labels("wrong", "off & <topic>"), "faults", "label"),
)
"""A score for each question about an answer."""


def ranked(*shares: float) -> tuple[dict[str, object], ...]:
    return tuple(score(f"a{each}", number(share), "quality") for each, share in enumerate(shares, 1))


@pytest.mark.parametrize(
    ("target", "said", "answers"),
    [
        (ANSWER, EVERY, 2),
        (ANSWERS, ranked(0.9, 0.1), 2),
        (ANSWERS, ranked(0.5, 0.5), 2),
        (ANSWERS, ranked(0.1, 0.2, 0.3), 3),
        (ReviewTarget("prompt", "c1", "q1"), (), 2),
        (ReviewTarget("conversation", "c1", ""), (), 2),
    ],
    ids=["an answer", "a pair", "a tie", "three answers", "a prompt", "a conversation"],
)
def test_every_task_is_taken(
    label_studio: LabelStudio, target: ReviewTarget, said: tuple[dict[str, object], ...], answers: int
) -> None:
    made = task(target, *said, answers=answers)
    pairs = are_pairs([made])
    sent = label_studio_task(made, pairs=pairs)
    assert bool(sent["predictions"]) == bool(said)
    config = labelling_config(rubric(target.kind), pairs=pairs)
    _, (number_,) = label_studio.project("every kind", config, [sent])
    assert len(label_studio.call("GET", f"/api/tasks/{number_}/")["predictions"]) == len(sent["predictions"])
