"""What each reviewer did last is remembered for a while."""

import pytest
from plaudit_producers.review.recent_work import RecentWork
from plaudit_schemas.review.targets import QueueName

QUEUE = QueueName("shop", "pairs", "1")


async def again() -> None:
    """Tells the queue."""


async def newer() -> None:
    """Tells it something else."""


def test_what_was_done_last_is_known_once() -> None:
    recent = RecentWork()
    recent.add(QUEUE, "ana", "item-1", again)
    recent.add(QUEUE, "ana", "item-1", newer)
    assert recent.take(QUEUE, "ana", "item-1") is newer
    assert recent.take(QUEUE, "ana", "item-1") is None


@pytest.mark.parametrize(
    ("queue", "reviewer", "item"),
    [
        pytest.param(QueueName("shop", "pairs", "2"), "ana", "item-1", id="another version"),
        pytest.param(QUEUE, "ben", "item-1", id="another reviewer"),
        pytest.param(QUEUE, "ana", "item-2", id="another item"),
    ],
)
def test_what_others_did_is_not_taken_for_it(queue: QueueName, reviewer: str, item: str) -> None:
    recent = RecentWork()
    recent.add(QUEUE, "ana", "item-1", again)
    assert recent.take(queue, reviewer, item) is None
    assert recent.take(QUEUE, "ana", "item-1") is again


def test_what_is_old_is_forgotten() -> None:
    now = 0.0
    recent = RecentWork(lambda: now)
    recent.add(QUEUE, "ana", "item-1", again)
    now = 601
    assert recent.take(QUEUE, "ana", "item-1") is None


def test_only_the_last_ones_are_kept() -> None:
    recent = RecentWork()
    for number in range(6):
        recent.add(QUEUE, "ana", f"item-{number}", again)
    assert [recent.take(QUEUE, "ana", f"item-{number}") for number in range(6)] == [None, *[again] * 5]
    recent.add(QUEUE, "ana", "item-1", again)
    for number in range(2_000):
        recent.add(QUEUE, f"reviewer-{number}", "item-1", again)
    assert recent.take(QUEUE, "ana", "item-1") is None
    assert recent.take(QUEUE, "reviewer-0", "item-1") is again
