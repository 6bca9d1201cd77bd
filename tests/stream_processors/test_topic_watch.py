"""The watch of the topics: what it holds against them, and that Kafka being away is nothing."""

import asyncio
import logging

import pytest
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.problems import Effect, TopicProblem
from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.worker import topic_checks
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import LineTopics, TopicLook
from plaudit_stream_processors.worker.topic_watch import TopicWatch
from plaudit_stream_processors.worker.unread import unread_reason

from harness.waiting import eventually

TOPICS = LineTopics(4, 1000, {})


def _watch(servers: str = "127.0.0.1:9") -> TopicWatch:
    return TopicWatch(ConnectionSettings(bootstrap_servers=servers), WorkerSettings(), TOPICS)


def _problem(effect: Effect, setting: str = "retention.ms") -> TopicProblem:
    return TopicProblem("t", setting, effect, f"{setting} is bad", "mend it")


def test_a_loss_is_told_while_the_worker_folds_on_and_a_wrong_stops_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = _watch()
    looks: list[bool] = []
    watch.on_look = lambda: looks.append(watch.stops_folding)
    told: list[str | None] = []
    for problems in (
        [_problem("risk")],
        [_problem("loss")],
        [_problem("loss"), _problem("wrong", "partitions")],
        [],
    ):
        watch.take(TopicLook(LineTopics(4, 5000, {}), problems))
        told.append(watch.unsafe)
    assert told == [None, "t: retention.ms is bad; mend it", "t: partitions is bad; mend it", None]
    assert (watch.topics.keeps_ms, looks) == (5000, [False, False, True, False])
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["t: retention.ms is bad; mend it", "t: partitions is bad; mend it"], "each once"


def test_an_assigned_partition_that_the_state_lacks_stops_folding_for_good() -> None:
    watch = _watch()
    watch.note_assigned(6)
    watch.take(TopicLook(TOPICS, []))  # a broker that has not heard of it yet
    assert watch.stops_folding
    assert watch.unsafe is not None
    assert "the state has 4" in watch.unsafe


def test_a_kafka_that_is_away_is_no_fault_of_the_topics(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_checks, "_ANSWER_S", 0.2)

    async def run() -> None:
        watch = _watch()
        watch.take(TopicLook(TOPICS, [_problem("loss")]))
        watch.start()
        told = "could not be looked at"
        await asyncio.to_thread(eventually, lambda: told in caplog.text, "a look fails", 60)
        watch.stop()
        assert (watch.unsafe is not None, watch.stops_folding) == (True, False), "as it was before"

    asyncio.run(run())


def test_a_partition_that_is_set_aside_says_the_range_and_the_command() -> None:
    text = unread_reason(3, SetAside("deleted", 10, 20))
    assert "offsets 10 to 19" in text
    assert "plaudit state accept-loss --partition 3 --from 10 --to 20" in text
    assert "plaudit state reset" in unread_reason(3, SetAside("cut", 20, 10))
    assert "fewer partitions" in unread_reason(9, SetAside("refused", 0, 0))
