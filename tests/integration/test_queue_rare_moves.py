"""What seldom happens to a queue of reviews: two tabs, items of one moment, a key that is lost alone."""

import asyncio
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

import pytest
from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict, QueueChanges, QueueRules
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.service.redis import execute

from tests.support.queued_items import CLAIM, PAIR, HandClock, filled, new_item, verdict, with_queue

pytestmark = pytest.mark.redis
ONE, TWO = new_item(1), new_item(2)
UP: Mapping[str, Any] = {"good": True}
MINUTE = 60_000


async def log(queue: ReviewQueue, offset: int, *verdicts: LoggedVerdict) -> None:
    await queue.apply(0, offset, offset + 1, QueueChanges(verdicts=verdicts), PAIR)


async def claimed(queue: ReviewQueue, reviewer: str) -> str | None:
    found = await queue.next_item(reviewer, CLAIM)
    return None if found is None else found.id


def test_a_late_acknowledgement_says_nothing_of_the_undo_that_came_before_it(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE])
        await queue.submit(ONE.id, "ann", "first", UP)
        await queue.undo(ONE.id, "ann", CLAIM)  # in another tab, while Kafka is slow
        assert await queue.acknowledge(ONE.id, "ann", "first")
        await log(queue, 100, verdict(ONE, "ann", 100))
        clock.ms += MINUTE
        assert (await queue.progress()).verdicts == 1  # the withdrawal never came
        await queue.undo(ONE.id, "ann", CLAIM)
        await queue.submit(ONE.id, "ann", "second", UP)
        assert await queue.acknowledge(ONE.id, "ann", "first")  # else the console would send it for ever

    with_queue(valkey, use, clock)


def test_who_had_no_slot_gets_none_that_others_work_on(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        assert await claimed(queue, "ann") == ONE.id
        assert await queue.submit(ONE.id, "ben", "s", UP) == "surplus"
        assert await queue.undo(ONE.id, "ben", CLAIM) is not None
        assert (await queue.progress()).leased == 1
        assert await queue.submit(ONE.id, "ben", "again", UP) == "surplus"
        assert await queue.submit(ONE.id, "ann", "s", UP) == "answered"

    with_queue(valkey, use)


def _first_byte(item: str) -> int:
    return sha1(item.encode()).digest()[0]  # noqa: S324  # as the script tells items of one moment apart


@pytest.mark.slow
def test_items_of_the_same_time_all_come(valkey: str) -> None:
    numbered = (new_item(number) for number in range(200_000))
    same = [one for one in numbered if _first_byte(one.id) == 0][:600]
    items = [one._replace(order=1) for one in same]
    last = max(one.id for one in items)
    declines = [LoggedDecline(one.id, "ann", "no", 100) for one in items if one.id != last]

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, items, QueueRules(20))
        await queue.apply(0, 100, 101, QueueChanges(declines=declines), QueueRules(20))
        assert await claimed(queue, "ann") == last

    with_queue(valkey, use)


def test_an_item_that_redis_has_lost_alone_is_passed_over(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE, TWO])
        await execute(queue._client, "DEL", *queue._keys.of_item(ONE.id))  # as an eviction does
        assert await asyncio.wait_for(claimed(queue, "ann"), 10) == TWO.id

    with_queue(valkey, use)
