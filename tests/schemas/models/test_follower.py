"""A scorer that follows what is active: it never decides before it can know."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.publication_log import LogContent
from plaudit_schemas.models.follower import ActivationFollower
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, MODELS

from harness.waiting import eventually
from tests.support.publications import manifest, sha256_of, write_event
from tests.support.topics import make_anew

pytestmark = [pytest.mark.kafka]
DELAY_MS = 5_000
LEAST_MS = 100


def _publish(connection: ConnectionSettings, version: str, name: str = "polite") -> int:
    """Publish a version, and return from when it is active."""
    with ModelRegistry(connection) as registry:
        published = registry.publish(
            manifest(version, name), sha256_of(version), f"/models/{version}", delay_ms=DELAY_MS
        )
    return published.active_from_ms


def _version_at(follower: ActivationFollower, arrived_ms: int) -> str | None:
    found = follower.at(arrived_ms)
    return found and found.version


def test_nothing_is_known_before_the_first_look(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite")
    assert not follower.knows(0)
    with pytest.raises(ValueError, match="look first"):
        follower.at(0)
    follower.close()


def test_what_is_active_is_known_up_to_the_newest_event_and_the_delay(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite")
    first = _publish(connection, "1")
    event_ms = write_event(connection, partition=1)
    follower.look()
    assert follower.knows(event_ms + DELAY_MS - 1)
    assert not follower.knows(event_ms + DELAY_MS)
    assert _version_at(follower, first - 1) is None
    assert event_ms + DELAY_MS > first
    assert _version_at(follower, first) == "1"
    second = _publish(connection, "2")
    # The look was before that, but it did not promise more than it could know.
    assert not follower.knows(second)
    follower.look(seen_ms=second)
    assert [_version_at(follower, at) for at in (first, second - 1, second)] == ["1", "1", "2"]
    follower.close()


def test_one_look_is_enough_for_a_record_that_was_read(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite", min_delay_ms=1)
    for _ in range(3):
        event_ms = write_event(connection)
        if not follower.knows(event_ms):
            follower.look()
        assert follower.knows(event_ms)
    follower.close()


def test_only_its_own_model_counts(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite")
    active = _publish(connection, "7", "other")
    with ModelRegistry(connection) as registry:
        registry.publish(manifest("1", "gone"), sha256_of("1"), "/models/1", delay_ms=DELAY_MS)
        registry.withdraw("gone")
    follower.look(seen_ms=active)
    assert _version_at(follower, active) is None
    assert follower.names == ["other"]
    follower.close()


def test_a_topic_that_was_made_anew_is_read_anew(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite")
    _publish(connection, "1")
    follower.look()
    make_anew(connection, MODELS)
    active = _publish(connection, "2")
    follower.look(seen_ms=active)
    assert _version_at(follower, active) == "2"
    assert _version_at(follower, active - 1) is None
    follower.close()


def test_what_was_known_stays_known_while_kafka_is_away(
    connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = ActivationFollower(connection, "polite", timeout_s=5)
    active = _publish(connection, "1")
    follower.look(seen_ms=active)
    other = ActivationFollower(
        connection.model_copy(update={"bootstrap_servers": "127.0.0.1:9"}), "polite", timeout_s=0.5
    )
    with pytest.raises(ServiceUnavailableError):
        other.look()
    assert not other.knows(active)
    monkeypatch.setattr(follower, "_log", other._log)  # as if Kafka went away
    with pytest.raises(ServiceUnavailableError):
        follower.look()
    assert _version_at(follower, active) == "1"
    follower.close()


def test_a_missing_topic_is_told(kafka: str) -> None:
    follower = ActivationFollower(ConnectionSettings(bootstrap_servers=kafka, topic_prefix="none."), "polite")
    with pytest.raises(TopicError, match="plaudit topics create"):
        follower.look()
    follower.close()


def test_without_a_delay_nothing_could_be_known(connection: ConnectionSettings) -> None:
    with pytest.raises(ValueError, match="delay"):
        ActivationFollower(connection, "polite", min_delay_ms=0)


def test_a_look_asks_for_the_newest_event_before_it_reads(
    connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round, it would promise to know publications that it has not seen."""
    follower = ActivationFollower(connection, "polite")
    asked: list[str] = []

    def newest() -> int:
        asked.append("newest")
        return 0

    def read() -> LogContent[Any]:
        asked.append("read")
        return LogContent([], [])

    monkeypatch.setattr(follower, "_newest_event_ms", newest)
    monkeypatch.setattr(follower._log, "read", read)
    follower.look()
    assert asked == ["newest", "read"]
    follower.close()


def decisions(connection: ConnectionSettings, follower: ActivationFollower) -> list[tuple[int, str | None]]:
    """Decide what is active for event after event, while versions are published one after the other."""
    decided: list[tuple[int, str | None]] = []

    def publish() -> None:
        with ModelRegistry(connection, min_delay_ms=LEAST_MS) as registry:
            for number in range(8):
                made = manifest(f"v{number}")
                one = registry.publish(made, sha256_of(made.version), "/models", delay_ms=2 * LEAST_MS)
                # So that each version has an event of its own, however slow this machine is.
                active_ms = one.active_from_ms
                eventually(lambda: decided[-1][0] >= active_ms, "an event belongs to the version")  # noqa: B023

    # An event before the first publication, so that there is one.
    arrived_ms = write_event(connection)
    follower.look()
    decided.append((arrived_ms, _version_at(follower, arrived_ms)))
    with ThreadPoolExecutor(1) as threads:
        publisher = threads.submit(publish)
        while not publisher.done():
            arrived_ms = write_event(connection)
            if not follower.knows(arrived_ms):
                follower.look()
            decided.append((arrived_ms, _version_at(follower, arrived_ms)))
    publisher.result()
    return decided


@pytest.mark.slow
def test_no_decision_is_ever_wrong(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite", min_delay_ms=LEAST_MS)
    decided = decisions(connection, follower)
    with ModelRegistry(connection) as registry:
        activations = registry.activations("polite")
    right = [(arrived_ms, activations.at(arrived_ms)) for arrived_ms, _ in decided]
    assert decided == [(arrived_ms, each and each.version) for arrived_ms, each in right]
    assert {version for _, version in decided} == {None, *(f"v{number}" for number in range(8))}
    follower.close()


@pytest.mark.slow
def test_who_expects_a_longer_delay_than_publishers_keep_is_wrong(connection: ConnectionSettings) -> None:
    """So the test before can fail."""
    follower = ActivationFollower(connection, "polite", min_delay_ms=3_600_000)
    decided = decisions(connection, follower)
    assert {version for _, version in decided} == {None}
    follower.close()


class _OldAdmin:
    """A broker that answers every question for offsets with an error."""

    def __init__(self, code: int) -> None:
        self._code = code

    def list_topics(self, *_: Any, **__: Any) -> Any:
        topic = SimpleNamespace(partitions={0: None}, error=None)
        return SimpleNamespace(topics={EVENTS: topic})

    def list_offsets(self, wanted: dict[Any, Any], **_: Any) -> dict[Any, Any]:
        answer: Future[Any] = Future()
        answer.set_exception(KafkaException(KafkaError(self._code)))
        return dict.fromkeys(wanted, answer)


def test_a_broker_that_cannot_tell_the_newest_time_is_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    unused = ConnectionSettings(bootstrap_servers="127.0.0.1:9")
    follower = ActivationFollower(unused, "polite", timeout_s=0.3)
    monkeypatch.setattr(follower._log, "read", lambda: LogContent([], []))
    monkeypatch.setattr(follower, "_admin", _OldAdmin(KafkaError.UNSUPPORTED_VERSION))
    follower.look(seen_ms=70_000)
    assert follower.knows(70_000 + DELAY_MS - 1)
    assert not follower.knows(70_000 + DELAY_MS)
    monkeypatch.setattr(follower, "_admin", _OldAdmin(KafkaError.LEADER_NOT_AVAILABLE))
    with pytest.raises(ServiceUnavailableError, match="newest timestamp"):
        follower.look(seen_ms=90_000)
    assert not follower.knows(90_000)
    follower.close()


def test_only_its_own_unreadable_records_are_told(connection: ConnectionSettings) -> None:
    follower = ActivationFollower(connection, "polite")
    producer = Producer(connection.kafka())
    for key in (b"polite/odd", b"politer/odd", b"polite", b""):
        producer.produce(connection.topic_prefix + MODELS, b"x", key)
    producer.flush(30)
    follower.look()
    assert [key for key, _ in follower.unreadable] == ["polite/odd"]
    follower.close()
