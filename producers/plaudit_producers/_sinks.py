"""Where `plaudit replay` and `plaudit simulate` send to."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from plaudit_schemas.codec import Record
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import InvalidEventError, SettingsError, TopicError
from plaudit_schemas.keys import conversation_key
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_producers._delivery import DeliveryCallback
from plaudit_producers._options import Options
from plaudit_producers._pipeline import Packed
from plaudit_producers._producer import FeedbackProducer
from plaudit_producers._validate import validate
from plaudit_producers.documents import document_of

_ANSWER_S = 8.0


class Sink(Protocol):
    """What takes events: a FeedbackProducer, its fake, or a file."""

    def pack(self, record: Record, *, enveloped: bool = False) -> Packed:
        """Validate and encode an event; InvalidEventError where it breaks the contract."""

    def send_packed(self, packed: Packed, on_delivery: DeliveryCallback | None = None) -> None:
        """Send it; may block for room."""


class JsonLines:
    """Writes events as documents, a line each: the format `plaudit-jsonl`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def pack(self, record: Record, *, enveloped: bool = False) -> Packed:  # noqa: ARG002  # as producers'
        """Key and line of an event; InvalidEventError where it breaks the contract."""
        validate(record)
        try:
            line = json.dumps(document_of(record), ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:
            raise InvalidEventError("a text holds half a surrogate pair, which no UTF-8 can hold") from None
        return conversation_key(record["application"], record["conversation_id"]), line

    def send_packed(self, packed: Packed, on_delivery: DeliveryCallback | None = None) -> None:  # noqa: ARG002  # a producer's signature
        """Write the line."""
        self._stream.write(packed[1])


@contextmanager
def to_file(path: str) -> Iterator[JsonLines]:
    """A new file; `-` is the standard output.

    Raises:
        SettingsError: it cannot be written.
    """
    if path == "-":
        yield JsonLines(sys.stdout.buffer)
        sys.stdout.flush()
        return
    try:
        stream = Path(path).open("wb")  # noqa: SIM115  # closed below; errors of the block are its own
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    with stream:
        yield JsonLines(stream)


@contextmanager
def to_kafka(connection: ConnectionSettings, options: Options) -> Iterator[FeedbackProducer]:
    """A producer that blocks for room; leaving it waits for Kafka.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: it has no topic for events.
    """
    topic = connection.topic_prefix + EVENTS
    if topic not in live_partitions(admin_of(connection), connection, timeout_s=_ANSWER_S):
        raise TopicError(
            f"Kafka at {connection.bootstrap_servers} has no {topic}; run `plaudit topics create`"
        )
    blocking: Options = {"when_full": "block", "block_timeout_s": None, **options}
    with FeedbackProducer("import", connection=connection, **blocking) as producer:
        yield producer


def unsent(sink: FeedbackProducer | JsonLines) -> int:
    """Wait until Kafka took or refused every event; how many it did not take."""
    if isinstance(sink, JsonLines):
        return 0
    waiting = sink.flush(sink.options.delivery_timeout_s)
    return waiting + sink.stats().failed
