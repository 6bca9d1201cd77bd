"""A partition without a leader, or not known yet, is asked about again; any other refusal is told at once."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka import asking, reader
from plaudit_schemas.settings.connection import ConnectionSettings


class FakeConsumer:
    """Answers with errors first, one for each call, and then with bounds."""

    def __init__(self, *errors: int) -> None:
        self._errors = list(errors)
        self.refreshed: list[str] = []

    def list_topics(self, topic: str, timeout: float) -> None:
        self.refreshed.append(topic)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))  # the next answer decides

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        if self._errors:
            raise KafkaException(KafkaError(self._errors.pop(0)))
        return 3, 7


def test_a_partition_that_has_no_leader_yet_is_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)
    errors = (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError._UNKNOWN_PARTITION,
    )
    consumer = FakeConsumer(*errors)
    assert reader.log_bounds(consumer, "t", 0, 60) == (3, 7)
    assert consumer.refreshed == ["t"] * 3, "the client is told to ask a broker for the leader"


@pytest.mark.parametrize(
    ("error", "timeout_s"),
    [(KafkaError._TIMED_OUT, 60), (KafkaError.NOT_LEADER_FOR_PARTITION, -1)],
    ids=["no answer", "no leader for too long"],
)
def test_what_does_not_pass_is_told(error: int, timeout_s: float) -> None:
    with pytest.raises(ServiceUnavailableError, match="did not return the offsets of t 0"):
        reader.log_bounds(FakeConsumer(error), "t", 0, timeout_s)


def test_the_places_of_a_time_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def places_of(self: Any, wanted: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        asked.append(timeout)
        if len(asked) == 1:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        wrong = SimpleNamespace(error=KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return [wrong] if len(asked) == 2 else wanted  # type: ignore[list-item]  # has what is looked at

    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)
    made = {
        "__init__": lambda *_: None,
        "offsets_for_times": places_of,
        "list_topics": lambda *_, **__: None,
    }
    fake = type("FakeTimes", (), made)
    monkeypatch.setattr(reader, "Consumer", fake)
    read = reader.TopicReader(ConnectionSettings(bootstrap_servers="127.0.0.1:1"), "t")
    assert read.first_since(0, 7) == 7
    assert len(asked) == 3
