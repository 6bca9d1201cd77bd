"""A sink that cannot begin yet, and one whose Kafka goes while it takes partitions over."""

import threading
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_consumers.sink.loop import starting
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.loop.starting import SinkStart, StoppedSinkError
from plaudit_schemas.errors import ServiceUnavailableError, TopicError

from tests.consumers.test_sink_loop import ONCE, FakeConsumer, Pauses, _loop
from tests.support.offline_sink import log, sink
from tests.support.sinks import sources


def _away(times: int, answer: Exception | str = "answered") -> "list[Exception | str]":
    return [*[ServiceUnavailableError("Kafka does not answer")] * times, answer]


def _start(
    monkeypatch: pytest.MonkeyPatch, *, patient: bool = True
) -> tuple[SinkStart, SinkReadiness, threading.Event]:
    monkeypatch.setattr(starting, "_PAUSE_S", 0.001)
    readiness, stop = SinkReadiness(), threading.Event()
    return SinkStart(readiness, stop, patient=patient), readiness, stop


def test_it_asks_until_kafka_answers_and_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    start, readiness, _ = _start(monkeypatch)
    answers, problems = _away(3), []

    def ask() -> str:
        problems.append(readiness.kafka_problem)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert start.once_answered(ask) == "answered"
    assert problems == [None, *["waiting: Kafka does not answer"] * 3]
    assert readiness.kafka_problem is None


def test_what_no_waiting_mends_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> str:
        raise TopicError("there is no topic")

    with pytest.raises(TopicError):
        _start(monkeypatch)[0].once_answered(ask)


def test_a_signal_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    start, _, stop = _start(monkeypatch)

    def ask() -> str:
        stop.set()
        raise ServiceUnavailableError("Kafka does not answer")

    with pytest.raises(StoppedSinkError):
        start.once_answered(ask)


def test_one_that_should_end_by_itself_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> str:
        raise ServiceUnavailableError("Kafka does not answer")

    with pytest.raises(ServiceUnavailableError):
        _start(monkeypatch, patient=False)[0].once_answered(ask)


class ForgetfulConsumer(FakeConsumer):
    """Its Kafka does not tell the bounds of the log at first."""

    failures = 2

    def bounds(self, partition: int) -> tuple[int, int]:
        if self.failures:
            self.failures -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return super().bounds(partition)


def test_a_kafka_that_goes_while_partitions_are_taken_over_is_waited_for(tmp_path: Path) -> None:
    consumer, one, stop = ForgetfulConsumer(log(3)), sink(tmp_path, rotate_rows=8), Pauses()
    loop, _, readiness = _loop(consumer, one, stop)
    loop.run(ONCE)
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(3)}
    assert stop.seconds == [1.0, 2.0]
    assert readiness.problem() is None
