"""Single moves on a queue of reviews: leases, slots, undo, declines, rebuilds, erasures."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict, QueueChanges, QueueRules
from plaudit_schemas.review.claims import ClaimRules
from plaudit_schemas.review.queue import (
    QueueAnswersError,
    QueueGapError,
    QueueNotReadyError,
    ReviewQueue,
)
from plaudit_schemas.review.queue.parts import MOST_RECORDS

from tests.support.queued_items import CLAIM, PAIR, HandClock, filled, new_item, verdict, with_queue

pytestmark = pytest.mark.redis
ONE, TWO, THREE = new_item(1), new_item(2), new_item(3)
UP: Mapping[str, Any] = {"good": True}
MINUTE, DAY = 60_000, 86_400_000


async def log(queue: ReviewQueue, offset: int, *verdicts: LoggedVerdict, **other: Any) -> None:
    await queue.apply(0, offset, offset + 1, QueueChanges(verdicts=verdicts, **other), PAIR)


async def claimed(queue: ReviewQueue, reviewer: str) -> str | None:
    found = await queue.next_item(reviewer, CLAIM)
    return None if found is None else found.id


def test_started_items_come_before_new_ones_and_new_ones_in_their_order(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [THREE, ONE, TWO])
        await log(queue, 100, verdict(THREE, "cleo", 100))
        assert await claimed(queue, "ann") == THREE.id
        assert await claimed(queue, "ann") == THREE.id  # after a reload
        assert await claimed(queue, "ben") == ONE.id
        await queue.submit(ONE.id, "ben", "s", UP)
        assert await claimed(queue, "ben") == TWO.id

    with_queue(valkey, use)


def test_a_lease_that_runs_out_frees_its_slot_and_an_answer_is_still_taken(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        assert await claimed(queue, "ann") == ONE.id
        assert await claimed(queue, "ben") is None
        clock.ms += CLAIM.lease_ms
        assert await claimed(queue, "ben") == ONE.id
        assert await queue.renew(ONE.id, "ann", CLAIM) is None
        assert await queue.submit(ONE.id, "ann", "late", UP) == "surplus"
        assert (await queue.progress()).surplus == 1
        await queue.release(ONE.id, "ben")  # so the late answer has the slot
        progress = await queue.progress()
        assert (progress.verdicts, progress.surplus, progress.done) == (1, 0, 1)

    with_queue(valkey, use, clock)


@pytest.mark.parametrize("jump", [-DAY, DAY], ids=["back", "forward"])
def test_a_clock_that_jumps_loses_no_answer(valkey: str, jump: int) -> None:
    clock = HandClock()
    clock.ms += 2 * DAY

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        assert await claimed(queue, "ann") == ONE.id
        clock.ms += jump
        assert await queue.submit(ONE.id, "ann", "s", UP) == "answered"
        assert await queue.acknowledge(ONE.id, "ann", "s")
        await queue.apply(0, 100, 101, QueueChanges(verdicts=[verdict(ONE, "ann", 100)]), QueueRules(1))
        assert (await queue.progress()).done == 1
        assert await claimed(queue, "ann") is None

    with_queue(valkey, use, clock)


def test_a_mark_that_the_log_never_confirms_gives_the_item_back_to_the_same_reviewer(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        await claimed(queue, "ann")
        await queue.submit(ONE.id, "ann", "s", UP)
        assert await claimed(queue, "ann") is None
        clock.ms += MINUTE
        assert await claimed(queue, "ben") is None
        assert await claimed(queue, "ann") == ONE.id
        assert await queue.submit(ONE.id, "ann", "s", UP) == "answered"  # the page tried again
        await queue.abandon(ONE.id, "ann", "s")
        assert (await queue.progress()).verdicts == 0
        assert await claimed(queue, "ann") == ONE.id

    with_queue(valkey, use, clock)


def test_an_acknowledged_mark_outlasts_an_agent_that_is_down(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        await queue.submit(ONE.id, "ann", "s", UP)
        assert await queue.acknowledge(ONE.id, "ann", "s")
        assert not await queue.acknowledge(ONE.id, "ben", "s")
        clock.ms += DAY - 1
        assert await claimed(queue, "ann") is None
        clock.ms += 1  # the worker refused it, so the log never says it
        assert await claimed(queue, "ann") == ONE.id

    with_queue(valkey, use, clock)


def test_an_undone_answer_stays_undone_whatever_the_log_still_says(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE, TWO])
        await claimed(queue, "ann")
        await queue.submit(ONE.id, "ann", "first", UP)
        undone = await queue.undo(ONE.id, "ann", CLAIM)
        assert undone is not None
        assert undone.context == b"context 1"
        await log(queue, 100, verdict(ONE, "ann", 100))  # the agent is behind
        assert (await queue.progress()).verdicts == 0
        assert await claimed(queue, "ann") == ONE.id
        assert await queue.submit(ONE.id, "ann", "first", UP) == "repeated"  # a late one changes nothing
        assert (await queue.progress()).verdicts == 0
        assert await queue.submit(ONE.id, "ann", "second", UP) == "answered"
        await log(queue, 101, verdict(ONE, "ann", 101, answers={"good": None}))
        assert (await queue.progress()).verdicts == 1
        await log(queue, 102, verdict(ONE, "ann", 102))
        clock.ms += DAY
        assert (await queue.progress()).verdicts == 1
        assert await claimed(queue, "ann") == TWO.id

    with_queue(valkey, use, clock)


def test_an_undo_that_never_reached_the_log_is_undone(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE])
        await log(queue, 100, verdict(ONE, "ann", 100))
        assert await queue.undo(ONE.id, "ann", CLAIM) is not None
        assert await queue.undo(ONE.id, "ann", CLAIM) is None
        clock.ms += MINUTE
        assert (await queue.progress()).verdicts == 1
        assert await claimed(queue, "ann") is None
        assert (await queue.reviewer_progress("ann")).last_item == ONE.id

    with_queue(valkey, use, clock)


def test_a_withdrawal_in_the_log_frees_the_slot_once_no_answer_is_left(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        await log(queue, 100, verdict(ONE, "ann", 100, answers={"good": True, "why": "so"}))
        await log(queue, 101, verdict(ONE, "ann", 101, answers={"good": None}))
        found = await queue.find(ONE.id)
        assert found is not None
        assert found.reviewed.verdicts == {"ann": {"why": "so"}}
        await log(queue, 102, verdict(ONE, "ann", 102, answers={"why": None}))
        assert (await queue.progress()).verdicts == 0
        assert await claimed(queue, "ben") == ONE.id

    with_queue(valkey, use)


def test_a_decline_outlives_its_lease_and_may_be_thought_over(valkey: str) -> None:
    clock = HandClock()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE], QueueRules(1))
        await claimed(queue, "ann")
        await queue.decline(ONE.id, "ann", "not mine")
        await log(queue, 100, declines=[LoggedDecline(ONE.id, "ann", "not mine", 100)])
        clock.ms += DAY
        assert await claimed(queue, "ann") is None
        progress = await queue.progress()
        assert (progress.declined, progress.leased, progress.verdicts) == (1, 0, 0)
        assert await queue.open_item(ONE.id, "ann", CLAIM) is not None
        await queue.submit(ONE.id, "ann", "s", UP)
        assert [item.declined async for item in queue.items()] == [{}]

    with_queue(valkey, use, clock)


def test_nobody_claims_while_the_queue_is_rebuilt(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        assert await queue.stage() == "unknown"
        with pytest.raises(QueueNotReadyError):
            await queue.next_item("ann", CLAIM)
        await queue.expect({0: 100, 1: 7})
        await queue.expect({0: 1, 1: 0})  # counts no more
        await queue.apply(0, 0, 100, QueueChanges(items=[ONE], verdicts=[verdict(ONE, "ann", 7)]), PAIR)
        assert await queue.stage() == "building"
        for move in (
            queue.submit(ONE.id, "ann", "s", UP), queue.renew(ONE.id, "ann", CLAIM),
            queue.decline(ONE.id, "ann", "no"), queue.undo(ONE.id, "ann", CLAIM),
        ):  # fmt: skip
            with pytest.raises(QueueNotReadyError):
                await move
        await queue.apply(1, 0, 7, QueueChanges(), PAIR)
        assert await queue.stage() == "ready"
        assert await claimed(queue, "ann") is None
        assert await claimed(queue, "ben") == ONE.id

    with_queue(valkey, use)


def test_an_emptied_redis_is_rebuilt_and_knows_what_was_answered(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE, TWO])
        assert await claimed(queue, "ann") == ONE.id
        assert await queue.submit(ONE.id, "ann", "s", UP) == "answered"
        await queue.drop()
        with pytest.raises(QueueGapError):
            await log(queue, 100, verdict(ONE, "ann", 100))
        assert await queue.positions() == {}
        await queue.expect({0: 101})
        await queue.apply(0, 0, 100, QueueChanges(items=[ONE, TWO]), PAIR)
        with pytest.raises(QueueNotReadyError):
            await queue.acknowledge(ONE.id, "ann", "s")
        await log(queue, 100, verdict(ONE, "ann", 100))
        assert not await queue.acknowledge(ONE.id, "ann", "s")
        assert await queue.submit(ONE.id, "ann", "s", UP) == "answered"  # no second verdict
        assert (await queue.progress()).verdicts == 1
        assert await claimed(queue, "ann") == TWO.id

    with_queue(valkey, use)


def test_a_gap_stops_claims_until_the_log_is_reached_again(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE])
        with pytest.raises(QueueGapError):
            await log(queue, 101)
        assert await queue.stage() == "unknown"
        await queue.expect({0: 101})
        await log(queue, 100)
        assert await claimed(queue, "ann") == ONE.id

    with_queue(valkey, use)


def test_an_erased_conversation_leaves_nothing(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        other = new_item(4, conversation="c1")
        await filled(queue, [ONE, TWO, other], QueueRules(1))
        assert await claimed(queue, "ann") == ONE.id
        await queue.submit(other.id, "ben", "s", UP)
        await log(queue, 100, erased=["c1"])
        assert [item.id async for item in queue.items()] == [TWO.id]
        assert (await queue.progress()).verdicts == 0
        assert await queue.find(ONE.id) is None
        assert await queue.renew(ONE.id, "ann", CLAIM) is None
        assert await queue.submit(ONE.id, "ann", "s", UP) == "gone"
        await queue.add_rubric_items([ONE], PAIR)  # an agent that had read it before
        assert await claimed(queue, "ann") == TWO.id
        await queue.erase("c2")
        assert await claimed(queue, "ann") is None
        assert (await queue.progress()).items == 0

    with_queue(valkey, use)


def test_control_items_come_at_their_share_and_stand_in_no_figure(valkey: str) -> None:
    controls = [new_item(1000 + number, "control") for number in range(10)]
    rules = QueueRules(2, frozenset(item.id for item in controls))

    async def use(queue: ReviewQueue) -> None:
        await queue.expect({})
        await queue.add_rubric_items(controls, rules)
        await queue.apply(0, 0, 1, QueueChanges(items=[new_item(number) for number in range(100)]), rules)
        got = []
        while found := await queue.next_item("ann", ClaimRules(MINUTE, 0.25)):
            got.append(found.id)
            await queue.submit(found.id, "ann", found.id, UP)
        firsts = got[:36]
        assert len(got) == len(set(got)) == 110
        assert sum(item in rules.controls for item in firsts) in (8, 9, 10)
        progress = await queue.progress()
        assert (progress.items, progress.verdicts) == (100, 100)
        assert progress.by_reason == {"random": (100, 0)}
        mine = await queue.reviewer_progress("ann")
        assert (mine.answered, mine.random_offered, mine.random_answered) == (110, 100, 100)

    with_queue(valkey, use)


def test_a_large_batch_is_applied_in_parts_and_twice_is_once(valkey: str) -> None:
    items = [new_item(number) for number in range(2 * MOST_RECORDS + 1)]

    async def use(queue: ReviewQueue) -> None:
        for _ in range(2):
            await filled(queue, items)
        assert (await queue.progress()).items == len(items)
        await queue.apply(0, 50, 101, QueueChanges(items=items[:3]), PAIR)  # overlaps the position
        assert (await queue.progress()).items == len(items)
        assert await queue.positions() == {0: 101}

    with_queue(valkey, use)


@pytest.mark.parametrize(
    "answers", [{}, {"good": None}, {"good": {1}}, {"good": float("nan")}, "up", [True]],
    ids=["none", "only open ones", "a set", "no number", "a text", "a list"],
)  # fmt: skip
def test_answers_that_are_none_or_no_json_are_refused(valkey: str, answers: Any) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE])
        with pytest.raises(QueueAnswersError, match="; "):
            await queue.submit(ONE.id, "ann", "s", answers)
        assert (await queue.progress()).verdicts == 0

    with_queue(valkey, use)


def test_a_settled_item_says_by_whom(valkey: str) -> None:
    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE])
        await queue.adjudicate(ONE.id, "lea", {"good": False})
        await log(queue, 100, adjudications=[verdict(ONE, "lea", 100, answers={"good": True})])
        assert [item.adjudicated async for item in queue.items()] == [{"lea": {"good": True}}]

    with_queue(valkey, use)


def test_a_dropped_queue_leaves_no_key(valkey_server: Any) -> None:
    server = valkey_server()

    async def use(queue: ReviewQueue) -> None:
        await filled(queue, [ONE, TWO])
        await asyncio.gather(*(claimed(queue, f"reviewer {number}") for number in range(4)))
        await queue.submit(ONE.id, "ann", "s", UP)
        await queue.drop()

    with_queue(server.address, use)
    with server.client() as client:
        assert client.dbsize() == 0
