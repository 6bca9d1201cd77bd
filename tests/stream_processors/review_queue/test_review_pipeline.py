"""The way of a batch into the queues."""

import pytest
from faust.types import TP
from plaudit_schemas.contract.keys import partition_of

from harness.waiting import come_true
from tests.stream_processors.builders import event, message, start
from tests.stream_processors.review_queue.builders import PARTITION, Log, answered, rubric
from tests.stream_processors.review_queue.pipelines import EVENTS, Keeping

ALL = rubric(select={"everything": True})


def chat(*more: dict) -> Log:  # type: ignore[type-arg]  # events of tests
    return Log(start(), message("q1", "user"), message("a1", at=2), *more)


def test_a_batch_is_applied_and_then_acknowledged() -> None:
    keeping = Keeping(chat(*answered(ALL, {"helpful": True})), ALL)

    async def work() -> None:
        keeping.give(0, 2)
        keeping.give(2, 4)
        await keeping.done(2, 4)

    keeping.run(work)
    (first, second) = keeping.store(ALL).applied
    assert (first[:2], second[:2]) == ((0, 2), (2, 4))
    assert ([item.target.message_id for item in second[2].items], len(second[2].verdicts)) == (["a1"], 1)
    words = keeping.metrics.registry.get_sample_value("plaudit_review_queue_words_total", {"kind": "verdict"})
    assert words == 1


def test_a_batch_waits_until_the_worker_has_folded_it() -> None:
    keeping = Keeping(chat(), ALL)
    keeping.reader.folded = 0

    async def work() -> None:
        keeping.give(0, 3)
        await come_true(lambda: bool(keeping.pipeline.behind), "it waits for the worker")
        assert keeping.store(ALL).applied == []
        keeping.reader.folded = 3
        await keeping.done(3)

    keeping.run(work)


def test_events_that_no_rubric_can_care_for_need_no_state() -> None:
    other = rubric(application="other", select={"everything": True})
    keeping = Keeping(chat(), other)
    keeping.reader.folded = 0

    async def work() -> None:
        keeping.give(0, 3)
        await keeping.done(3)

    keeping.run(work)
    assert keeping.reader.reads == 0
    assert keeping.store(other).held == {PARTITION: 3}


def test_a_queue_that_is_past_a_batch_is_left_alone() -> None:
    other = rubric(name="other", select={"everything": True})
    keeping = Keeping(chat(), ALL, other)

    async def work() -> None:
        keeping.store(ALL).held = {PARTITION: 3}
        keeping.store(other).held = {}
        assert await keeping.pipeline.acquire([EVENTS], 1) == {EVENTS: None}
        keeping.give(0, 3)
        await keeping.done(3)

    keeping.run(work)
    assert keeping.store(ALL).applied == []
    assert len(keeping.store(other).applied) == 1


@pytest.mark.parametrize(
    ("held", "expected"),
    [(({PARTITION: 7}, {PARTITION: 4}), 4), (({PARTITION: 7}, {}), None), (({}, {}), None)],
    ids=["the one behind", "a new queue", "an emptied Redis"],
)
def test_reading_begins_where_the_queue_furthest_behind_is(
    held: tuple[dict[int, int], dict[int, int]], expected: int | None
) -> None:
    other = rubric(name="other", select={"everything": True})
    keeping = Keeping(chat(), ALL, other)

    async def work() -> None:
        for given, positions in zip((ALL, other), held, strict=True):
            keeping.store(given).held = positions
        assert await keeping.pipeline.acquire([EVENTS], 2) == {EVENTS: expected}
        assert keeping.store(ALL).expected[-1] == {PARTITION: 7}

    keeping.run(work)


def test_without_a_rubric_nothing_is_read() -> None:
    keeping = Keeping(chat())

    async def work() -> None:
        assert await keeping.pipeline.acquire([EVENTS], 2) == {}

    keeping.run(work)


def test_a_gap_lets_reading_begin_again_and_acknowledges_nothing() -> None:
    keeping = Keeping(chat(), ALL)

    async def work() -> None:
        keeping.store(ALL).held = {PARTITION: 2}
        await keeping.pipeline.acquire([EVENTS], 1)
        keeping.store(ALL).held = {}  # Redis was emptied meanwhile
        keeping.give(2, 3)
        await come_true(lambda: keeping.pipeline.must_begin_again, "it is asked to begin again")
        assert keeping.acked == []
        assert await keeping.pipeline.acquire([EVENTS], 2) == {EVENTS: None}
        assert not keeping.pipeline.must_begin_again

    keeping.run(work)


def test_a_queue_that_is_new_gets_nothing_before_reading_begins_again() -> None:
    other = rubric(name="other", select={"everything": True})
    keeping = Keeping(chat(), ALL)

    async def work() -> None:
        keeping.give(0, 2)
        await keeping.done(2)
        keeping.follower.publish(other)
        assert await keeping.queues.look()
        keeping.give(2, 3)
        await keeping.done(2, 3)
        assert keeping.store(other).applied == []
        assert await keeping.pipeline.acquire([EVENTS], 1) == {EVENTS: None}
        keeping.give(0, 3)
        await keeping.done(2, 3, 3)

    keeping.run(work)
    assert [one[:2] for one in keeping.store(other).applied] == [(0, 3)]
    assert [one[:2] for one in keeping.store(ALL).applied] == [(0, 2), (2, 3)]


def test_a_partition_whose_records_are_all_deleted_holds_no_queue_up() -> None:
    keeping = Keeping(chat(), ALL)
    keeping.bounds = {PARTITION: (7, 7)}

    async def work() -> None:
        assert await keeping.pipeline.acquire([EVENTS], 2) == {EVENTS: 7}

    keeping.run(work)
    assert keeping.store(ALL).held == {PARTITION: 7}


def test_an_erasure_reaches_the_queues_of_earlier_versions_too() -> None:
    second = rubric(version="2", select={"everything": True})
    keeping = Keeping(chat(event("EraseConversation", {"reason": "asked"}, at=5)), ALL, second)

    async def work() -> None:
        keeping.give(0, 4)
        await keeping.done(4)

    keeping.run(work)
    assert keeping.store(second).applied[0][2].erased == ("c1",)
    assert keeping.store(ALL).erased == ["c1"]
    assert keeping.store(ALL).applied == []


def test_a_batch_of_an_older_session_or_another_partition_changes_nothing() -> None:
    keeping = Keeping(chat(), ALL)

    async def work() -> None:
        await keeping.pipeline.acquire([TP("events", (PARTITION + 1) % 4)], 1)
        keeping.give(0, 3)
        await keeping.done(3)

    keeping.run(work)
    assert keeping.store(ALL).applied == []
    assert partition_of(b"acme/c1", 4) == PARTITION
