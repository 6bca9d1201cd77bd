"""The document of a queue's figures, and how it is kept."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from plaudit_producers.review.quality import cache
from plaudit_producers.review.quality.cache import QualityCache
from plaudit_producers.review.quality.figures import DISAGREEMENTS_LISTED, own_figures, queue_figures
from plaudit_schemas.review.claims import ReviewedItem

from tests.producers.review.quality.queues import T0_MS, item, rubric_of, simulated, thumbs

NOW = datetime(2026, 11, 26, 23, 0, tzinfo=UTC)
SKILLS = {"ana": 0.95, "ben": 0.9, "dan": 0.0}


def test_the_document_counts_items_and_days() -> None:
    items = [
        *thumbs("++", "+-", "+ "),
        item(5, {}, declined={"ana": "no"}),
        item(6, {}, reasons=("disliked",)),
        item(7, {"ana": {"helpful": True}}, answered_ms={"ana": T0_MS + 86_400_000}),
        item(8, {"ana": {"helpful": True}}, reasons=("control",)),
        item(9, {"ana": {"helpful": True}}, adjudicated={"lea": {"helpful": True}}),
    ]
    found = queue_figures(rubric_of(), items, NOW)
    assert found["computed_at"] == "2026-11-26T23:00:00Z"
    assert found["items"] == {"total": 7, "judged": 5, "judged_twice": 2, "waiting": 1, "settled": 1}
    assert found["random"] == {"items": 6, "answered": 5, "declined": 1}
    assert [(day["verdicts"], day["reviewers"], day["median_seconds"]) for day in found["days"]] == [
        (7, 3, 20.0),
        (1, 1, None),
    ]
    (waiting,) = found["disagreements"]
    assert (waiting["conversation_id"], waiting["questions"], waiting["answers"]) == (
        "c1",
        ["helpful"],
        {"a": {"helpful": True}, "b": {"helpful": False}},
    )
    json.dumps(found)


def test_the_order_of_items_does_not_matter() -> None:
    rubric, items = simulated(1, SKILLS)
    shuffled = random.Random(2).sample(items, len(items))
    assert queue_figures(rubric, shuffled, NOW) == queue_figures(rubric, items, NOW)


def test_the_first_disagreements_are_listed_and_all_are_counted() -> None:
    found = queue_figures(rubric_of(), thumbs(*["+-"] * (DISAGREEMENTS_LISTED + 5)), NOW)
    assert len(found["disagreements"]) == DISAGREEMENTS_LISTED
    assert found["items"]["waiting"] == DISAGREEMENTS_LISTED + 5


def test_reviewers_see_their_own_figures_and_no_verdict_on_themselves() -> None:
    document = queue_figures(*simulated(1, SKILLS), NOW)
    own = own_figures(document, "dan")
    assert own is not None
    assert own["controls"]["count"] == 30
    assert {"careless", "why"} & own.keys() == set()
    assert own_figures(document, "nobody") is None


class Queue:
    """A queue that counts how often it is read."""

    def __init__(self, items: list[ReviewedItem]) -> None:
        self.found, self.reads, self.error = items, 0, False

    async def items(self, *, chunk: int = 500) -> AsyncIterator[ReviewedItem]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.error:
            raise ConnectionError("away")
        for each in self.found[:chunk]:
            yield each


def test_figures_are_kept_for_a_while_and_those_who_ask_share_them() -> None:
    now = [0.0]
    quality, queue = QualityCache(10, lambda: now[0]), Queue(thumbs("++", "+-"))

    async def ask() -> None:
        first, same = await asyncio.gather(*(quality.figures(rubric_of(), queue) for _ in range(2)))
        assert first is same
        assert queue.reads == 1
        now[0] = 9.0
        assert await quality.figures(rubric_of(), queue) is first
        await quality.figures(rubric_of(version="2"), queue)
        assert queue.reads == 2
        now[0] = 10.5
        assert await quality.figures(rubric_of(), queue) is not first

    asyncio.run(ask())


def test_figures_that_take_long_are_kept_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def slow(*arguments: Any) -> dict[str, Any]:
        now[0] += 6
        return queue_figures(*arguments)

    monkeypatch.setattr(cache, "queue_figures", slow)
    quality, queue = QualityCache(10, lambda: now[0]), Queue(thumbs("++"))

    async def ask() -> None:
        first = await quality.figures(rubric_of(), queue)
        now[0] += 59
        assert await quality.figures(rubric_of(), queue) is first
        now[0] += 2
        assert await quality.figures(rubric_of(), queue) is not first

    asyncio.run(ask())


def test_a_queue_that_cannot_be_read_is_read_again() -> None:
    quality, queue = QualityCache(), Queue(thumbs("++"))

    async def ask() -> None:
        queue.error = True
        with pytest.raises(ConnectionError):
            await quality.figures(rubric_of(), queue)
        queue.error = False
        assert (await quality.figures(rubric_of(), queue))["items"]["total"] == 1

    asyncio.run(ask())


def test_the_event_loop_runs_on_while_figures_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[None] = []

    async def ask() -> dict[str, Any]:
        loop = asyncio.get_running_loop()

        def slow(*arguments: Any) -> dict[str, Any]:
            # It ends only once the loop has taken a turn.
            turns.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=30))
            return queue_figures(*arguments)

        monkeypatch.setattr(cache, "queue_figures", slow)
        return await QualityCache().figures(rubric_of(), Queue(thumbs("++")))

    assert asyncio.run(ask())["items"]["judged"] == 1
    assert turns == [None]
