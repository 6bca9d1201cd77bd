"""A test's own topics on a real Kafka, and the events in them."""

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.held import made_at, with_held
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.kafka.reader import log_bounds
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

PARTITIONS = 3
_counter = itertools.count()


@dataclass(frozen=True)
class Logged:
    """One record of the log."""

    key: bytes
    partition: int
    offset: int
    event: ConversationEvent


def own_topics(bootstrap: str) -> ConnectionSettings:
    """Create topics with a prefix that no other test has. Returns the settings for them."""
    settings = ConnectionSettings(
        bootstrap_servers=bootstrap,
        topic_prefix=f"sdk-{os.getpid()}-{next(_counter)}-",
        partitions=PARTITIONS,
    )
    ensure(settings)
    return settings


def read_log(settings: ConnectionSettings) -> list[Logged]:
    """All records that the events topic has now, sorted by partition and offset."""
    topic = settings.topic_prefix + EVENTS
    consumer = Consumer(
        settings.kafka(**{"group.id": "reader", "enable.auto.commit": False, "fetch.max.bytes": 50_000_000})
    )
    decoder = Decoder("conversation_event")
    found: list[Logged] = []
    try:
        ends = {number: log_bounds(consumer, topic, number, timeout_s=60)[1] for number in range(PARTITIONS)}
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        left = {number for number, end in ends.items() if end}
        while left:
            for message in consumer.consume(1000, timeout=0.3):
                assert message.error() is None, message.error()
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None
                event = ConversationEvent.from_record(decoder.decode(message.value() or b""))
                found.append(Logged(message.key() or b"", partition, offset, event))
                if offset + 1 >= ends[partition]:
                    left.discard(partition)
    finally:
        consumer.close()
    return sorted(found, key=lambda logged: (logged.partition, logged.offset))


def by_conversation(log: Iterable[Logged]) -> dict[str, list[ConversationEvent]]:
    """The events of each conversation, in the order of the log."""
    found: dict[str, list[ConversationEvent]] = {}
    for logged in log:
        found.setdefault(logged.event.conversation_id, []).append(logged.event)
    return found


def events_of(settings: ConnectionSettings, conversation_id: str) -> list[ConversationEvent]:
    """The events that the log has now of one conversation, in its order."""
    return by_conversation(read_log(settings)).get(conversation_id, [])


def assert_whole_and_in_order(log: Iterable[Logged], expected: dict[str, int]) -> None:
    """Assert that each conversation has its number of events, in order, without gaps or duplicates."""
    found = by_conversation(log)
    assert {chat: [event.sequence for event in events] for chat, events in found.items()} == {
        chat: list(range(count)) for chat, count in expected.items()
    }
    ids = [event.event_id for events in found.values() for event in events]
    assert len(set(ids)) == len(ids)


def unheld(payload: bytes) -> bytes:
    """An encoded event with a `held_ms` of 0. Payloads without one are returned unchanged."""
    if payload[HEADER_BYTES : HEADER_BYTES + 1] != b"\2":
        return payload
    return with_held(payload[:HEADER_BYTES] + made_at(0) + payload[HEADER_BYTES + 6 :], None)
