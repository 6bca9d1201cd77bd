"""What the process that keeps the queues does beside its batches."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from faust.exceptions import ConsumerNotStarted
from faust.types import TP
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.wait_notice import WaitNotice
from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.review_queue.app import ReviewKeeper

from tests.stream_processors.builders import message, start
from tests.stream_processors.review_queue.builders import PARTITION, Log, rubric
from tests.stream_processors.review_queue.pipelines import Keeping

PLACE = TP("events", PARTITION)
ALL = rubric(select={"everything": True})


class Sought:
    """A consumer that counts how often it is asked to seek."""

    def __init__(self) -> None:
        self.seeks = 0

    async def seek_to_committed(self) -> None:
        self.seeks += 1


def keeper(keeping: Keeping, **fields: Any) -> Any:
    made: Any = object.__new__(ReviewKeeper)
    app, log = (
        SimpleNamespace(consumer=Sought(), rebalancing=False),
        logging.getLogger("plaudit.review-queue"),
    )
    parts = {
        "app": app, "queues": keeping.queues, "pipeline": keeping.pipeline, "metrics": keeping.metrics,
        "log": log, "look_notice": WaitNotice(log, "waiting to look at what is published"), **fields,
    }  # fmt: skip
    vars(made).update(parts)
    return made


def keeping() -> Keeping:
    made = Keeping(Log(start(), message("a1", at=2)), ALL)
    asyncio.run(made.queues.look())
    return made


@pytest.mark.parametrize(
    ("wanted", "rebalancing", "partitions", "seeks"),
    [(True, False, {1}, 1), (False, False, {1}, 0), (True, True, {1}, 0), (True, False, set(), 0)],
    ids=["asked for", "not asked for", "in a rebalance", "without partitions"],
)
def test_reading_begins_again_when_it_must(
    wanted: bool, rebalancing: bool, partitions: set[int], seeks: int
) -> None:
    one = keeper(keeping())
    one.pipeline.must_begin_again, one.pipeline.partitions = wanted, partitions
    one.app.rebalancing = rebalancing
    asyncio.run(one.begin_again())
    assert one.app.consumer.seeks == seeks


@pytest.mark.parametrize(
    ("why", "goes_on", "dropped"),
    [("deleted", True, 0), ("refused", False, 0), ("cut", False, 1)],
    ids=["Kafka deleted records", "no rubric is active", "Kafka lost the log's end"],
)
def test_after_a_loss_of_kafka(why: Any, goes_on: bool, dropped: int) -> None:
    held = keeping()
    (queue,) = held.queues.active.values()
    queue.positions = held.store(ALL).held = {PARTITION: 9}
    one = keeper(held)
    assert asyncio.run(one.pass_loss(PLACE, SetAside(why, 9, 12 if why == "deleted" else 5))) is goes_on
    assert held.store(ALL).held == {"deleted": {PARTITION: 12}, "refused": {PARTITION: 9}, "cut": {}}[why]
    assert held.store(ALL).dropped == dropped
    assert one.pipeline.must_begin_again is bool(dropped)


def test_a_queue_that_knows_nothing_of_the_lost_end_is_kept() -> None:
    held = keeping()
    (queue,) = held.queues.active.values()
    queue.positions = {PARTITION: 5}
    assert asyncio.run(keeper(held).pass_loss(PLACE, SetAside("cut", 9, 5))) is False
    assert held.store(ALL).dropped == 0


def test_a_look_asks_for_a_new_begin_and_shows_how_far_the_queues_are() -> None:
    held = Keeping(Log(start(), message("a1", at=2)), ALL)

    async def nothing(*_given: Any) -> None:
        pass

    one = keeper(held, seeder=SimpleNamespace(seed=nothing))
    asyncio.run(one.look())
    assert one.pipeline.must_begin_again
    labels = {"application": "acme", "rubric": "quality", "version": "1"}
    assert held.metrics.registry.get_sample_value("plaudit_review_queue_items", labels) == 0


@pytest.mark.parametrize(("partitions", "again"), [({1}, True), (set(), False)], ids=["owned", "none owned"])
def test_a_queue_that_redis_has_lost_is_noticed_without_new_events(partitions: set[int], again: bool) -> None:
    held = keeping()

    async def nothing(*_given: Any) -> None:
        pass

    one = keeper(held, seeder=SimpleNamespace(seed=nothing))
    one.pipeline.partitions = partitions
    asyncio.run(one.look())
    assert one.pipeline.must_begin_again is again


@pytest.mark.parametrize(
    ("stored", "again"),
    [({}, True), ({1: 5}, True), ({1: 6}, False), ({1: 7, 2: 0}, False)],
    ids=["emptied", "gone back", "as known", "somebody else is ahead"],
)
def test_a_queue_that_another_process_builds_anew_is_read_again_here_too(
    stored: dict[int, int], again: bool
) -> None:
    held = keeping()
    (queue,) = held.queues.active.values()
    queue.positions = {1: 6, 2: 9}  # partition 2 is another's
    held.store(ALL).held, held.store(ALL).expected = stored, [{1: 6, 2: 9}]

    async def nothing(*_given: Any) -> None:
        pass

    one = keeper(held, seeder=SimpleNamespace(seed=nothing))
    one.pipeline.partitions = {1}
    asyncio.run(one.look())
    assert one.pipeline.must_begin_again is again


def test_a_look_that_fails_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    held = keeping()

    def fail() -> None:
        raise ServiceUnavailableError("Kafka does not answer")

    held.follower.look = fail  # type: ignore[method-assign,assignment]  # a fake
    asyncio.run(keeper(held).look())
    assert "waiting to look at what is published: Kafka does not answer" in caplog.text


def test_before_the_consumer_has_started_there_is_no_lag_to_tell() -> None:
    def not_started() -> None:
        raise ConsumerNotStarted("not yet")

    one = keeper(keeping())
    one.app.consumer = SimpleNamespace(lag=not_started)
    assert one.lag() == {}
    one.app.consumer = SimpleNamespace(lag=lambda: {PLACE: 3})
    assert one.lag() == {PARTITION: 3}


def test_a_rubric_without_a_queue_is_told_although_it_is_ready() -> None:
    held = keeping()
    held.queues.unusable["x@1"] = "another salt"
    assert keeper(held).degraded() == "another salt"
    held.queues.unusable.clear()
    held.pipeline.behind = {0: "folded up to 1"}
    assert keeper(held).degraded() == "folded up to 1"
