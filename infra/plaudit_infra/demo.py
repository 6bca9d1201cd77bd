"""The demo's steps: servers up, topics made, a chat sent and read back, servers down."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer, Producer
from plaudit_schemas.codec import Decoder, Encoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.events import (
    AddMessage,
    AnyBody,
    ConversationEvent,
    EndConversation,
    Feedback,
    Model,
    StartConversation,
    Thumb,
    UpdateMessage,
)
from plaudit_schemas.keys import PARTITIONER, conversation_key
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

from plaudit_infra.servers.stack import Stack

DEADLINE_S = 60.0


def run_demo(folder: Path, say: Callable[[str], None]) -> None:
    """Run it once; leaves no process behind.

    Raises:
        PlauditError: a server did not come up, or an event did not come back.
    """
    stack = Stack(folder)
    began = time.monotonic()
    settings = stack.start(report=lambda line: print(f"plaudit: {line}", file=sys.stderr, flush=True))
    try:
        say(f"Kafka and Valkey are up after {time.monotonic() - began:.1f} s")
        connection = ConnectionSettings(
            bootstrap_servers=settings["PLAUDIT_BOOTSTRAP_SERVERS"],
            partitions=int(settings["PLAUDIT_PARTITIONS"]),
        )
        say(f"created {sum(report.created for report in ensure(connection))} topics")
        sent = _chat()
        _send(connection, sent)
        for event in _read_back(connection, sent):
            say(f"  {type(event.body).__name__:<18} {event.conversation_id}")
        say(f"{len(sent)} events went through Kafka and came back as they were")
    finally:
        stack.stop()


def _chat() -> list[ConversationEvent]:
    conversation_id = f"demo-{uuid4().hex[:8]}"
    bodies: list[AnyBody] = [
        StartConversation(model=Model(id="demo-chat", version="1"), consent="granted"),
        AddMessage(message_id="m1", role="user", content="What is a dead letter?"),
        AddMessage(
            message_id="m2", role="assistant", content="An event kept with the reason it was refused for."
        ),
        UpdateMessage(message_id="m2", feedback=Feedback(aspect="satisfaction", value=Thumb(like=True))),
        EndConversation(reason="closed"),
    ]
    return [
        ConversationEvent(application="demo", conversation_id=conversation_id, sequence=number, body=body)
        for number, body in enumerate(bodies)
    ]


def _send(connection: ConnectionSettings, events: list[ConversationEvent]) -> None:
    options = {"enable.idempotence": True, "acks": "all", "partitioner": PARTITIONER, "log_level": 0}
    producer, encoder = Producer(connection.kafka(**options)), Encoder("conversation_event")
    for event in events:
        key = conversation_key(event.application, event.conversation_id)
        producer.produce(connection.topic_prefix + EVENTS, encoder.encode(event.to_record()), key=key)
    if producer.flush(DEADLINE_S):
        raise ServiceUnavailableError("Kafka did not acknowledge the demo's events; see its log")


def _read_back(connection: ConnectionSettings, sent: list[ConversationEvent]) -> list[ConversationEvent]:
    options = {"group.id": f"demo-{uuid4().hex}", "auto.offset.reset": "earliest", "log_level": 0}
    consumer, decoder = Consumer(connection.kafka(**options)), Decoder("conversation_event")
    consumer.subscribe([connection.topic_prefix + EVENTS])
    wanted = {event.event_id for event in sent}
    found: list[ConversationEvent] = []
    deadline = time.monotonic() + DEADLINE_S
    try:
        while len(found) < len(sent) and time.monotonic() < deadline:
            for message in consumer.consume(100, timeout=1.0):
                value = message.value()
                if message.error() is None and value is not None:
                    event = ConversationEvent.from_record(decoder.decode(value))
                    if event.event_id in wanted:
                        found.append(event)
    finally:
        consumer.close()
    if found != sent:
        raise ServiceUnavailableError(f"{len(found)} of {len(sent)} events came back; see Kafka's log")
    return found
