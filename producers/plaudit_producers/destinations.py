"""Where `plaudit replay` and `plaudit simulate` send events: Kafka, or a file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.json_form import document_of
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.records import validate
from plaudit_schemas.errors import InvalidEventError, SettingsError, TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.options import ProducerKeywords
from plaudit_producers.sdk.pipeline import PackedEvent
from plaudit_producers.sdk.producer import FeedbackProducer

_ANSWER_S: Final = 8.0  # how long Kafka may take to list its topics


class Destination(Protocol):
    """Takes events: a FeedbackProducer, its fake, or an EventFile."""

    def pack(self, record: Record, *, enveloped: bool = False) -> PackedEvent:
        """Validate and encode an event.

        Raises:
            InvalidEventError: it breaks the contract.
        """

    def send_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None = None) -> None:
        """Send what `pack` returned; may block until there is room."""


class EventFile:
    """Writes events as JSON documents, one per line: the format `plaudit-jsonl`."""

    def __init__(self, stream: BinaryIO, aspects: Aspects | None = None) -> None:
        self._stream, self._aspects = stream, aspects or Aspects.none()

    def pack(self, record: Record, *, enveloped: bool = False) -> PackedEvent:  # noqa: ARG002  # as producers'
        """Validate an event; returns its Kafka key and its line of JSON.

        Raises:
            InvalidEventError: it breaks the contract.
            AspectError: it does not fit the declared aspects.
        """
        validate(record)
        self._aspects.check(record)
        try:
            line = json.dumps(document_of(record), ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:
            raise InvalidEventError("a text holds half a surrogate pair, which UTF-8 cannot encode") from None
        return conversation_key(record["application"], record["conversation_id"]), line

    def send_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None = None) -> None:  # noqa: ARG002  # a producer's signature
        """Write the line."""
        self._stream.write(packed[1])


@contextmanager
def open_event_file(path: str, aspects: Aspects | None = None) -> Iterator[EventFile]:
    """Open a new file, or standard output for `-`.

    Raises:
        SettingsError: the file cannot be written.
    """
    if path == "-":
        yield EventFile(sys.stdout.buffer, aspects)
        sys.stdout.flush()
        return
    try:
        stream = Path(path).open("wb")  # noqa: SIM115  # closed below; errors of the block are its own
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    with stream:
        yield EventFile(stream, aspects)


def require_events_topic(connection: ConnectionSettings) -> None:
    """Make sure that there is a topic for events. A producer would say it once its first events have failed.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: the topic for events does not exist.
    """
    topic = connection.topic_prefix + EVENTS
    if topic not in live_partitions(admin_of(connection), connection, timeout_s=_ANSWER_S):
        raise TopicError(
            f"Kafka at {connection.bootstrap_servers} has no topic {topic}; run `plaudit topics create`"
        )


@contextmanager
def open_kafka(connection: ConnectionSettings, keywords: ProducerKeywords) -> Iterator[FeedbackProducer]:
    """Open a producer that blocks while its buffer is full. Leaving the block waits for Kafka.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: the topic for events does not exist.
    """
    require_events_topic(connection)
    blocking: ProducerKeywords = {
        "when_full": "block",
        "block_timeout_s": None,
        "strict": True,  # an import names the lines that it refuses
        **keywords,
    }
    with FeedbackProducer("import", connection=connection, **blocking) as producer:
        yield producer


def count_unsent(destination: Destination) -> int:
    """Wait until Kafka has taken or refused every event. Returns how many events it did not take."""
    if not isinstance(destination, FeedbackProducer):
        return 0  # a file, or nothing at all
    # After that time librdkafka itself gives up every event that still waits.
    waiting = destination.flush(destination.options.delivery_timeout_s)
    return waiting + destination.stats().failed
