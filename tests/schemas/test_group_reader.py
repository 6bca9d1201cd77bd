"""A client that Kafka left without an answer is not asked again: another one is."""

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka import groups

GROUP = "plaudit-sink"


class FakeAdmin:
    """Knows one group, and describes it unless it is stuck, as librdkafka's client may be for good."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck, self.asked = stuck, 0

    def list_consumer_groups(self, **_: Any) -> Any:
        return _done(SimpleNamespace(valid=[SimpleNamespace(group_id=GROUP)], errors=[]))

    def describe_consumer_groups(self, names: list[str], **_: Any) -> Any:
        self.asked += 1
        if self.stuck:
            stuck: Future[Any] = Future()
            stuck.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
            return {names[0]: stuck}
        return {names[0]: _done(SimpleNamespace(members=["one"]))}


def _done(value: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def _reader(clients: list[FakeAdmin]) -> groups.GroupReader:
    left: Iterator[Any] = iter(clients)
    return groups.GroupReader(lambda: next(left))


def test_a_new_client_is_asked_after_one_that_got_no_answer() -> None:
    stuck, working = FakeAdmin(stuck=True), FakeAdmin()
    reader = _reader([stuck, working])
    assert reader.describe(GROUP).members == ["one"]
    assert stuck.asked == 1


def test_a_client_that_works_is_kept() -> None:
    working = FakeAdmin()
    reader = _reader([working])
    for _ in range(3):
        reader.describe(GROUP)
    assert working.asked == 3
    assert reader.describe("another") is None


def test_kafka_without_an_answer_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_PATIENCE_S", 0.0)
    with pytest.raises(ServiceUnavailableError, match=f"did not describe the group {GROUP}.*try again"):
        _reader([FakeAdmin(stuck=True)] * 2).describe(GROUP)
