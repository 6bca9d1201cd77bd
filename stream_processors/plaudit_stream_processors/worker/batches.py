"""Batches on their way through the worker, and what all its partitions share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas, Record, SchemaSource
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord

from plaudit_stream_processors.fold import Effects, Emitted, Rules
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.commit import Commit
from plaudit_stream_processors.state.store import ConversationStore


class WorkerTopics(NamedTuple):
    """The topics of a worker, with their prefix."""

    events: str
    finished: str
    dead_letters: str
    metrics: str


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """A decoded batch whose conversations are in the cache: all that folding it needs.

    Attributes:
        number: counts the batches of one folder.
        decoded: for each record the event, or why it could not be decoded.
    """

    number: int
    records: Sequence[KafkaRecord]
    decoded: Sequence[Record | CodecError]
    first_offset: int
    next_offset: int


@dataclass(slots=True)
class Prepared:
    """A folded batch that is not written anywhere yet.

    Attributes:
        number: counts the batches of one folder.
        events: the number of records in the batch, refused ones included.
        finished: the finished conversations, encoded for Kafka.
    """

    number: int
    commit: Commit
    events: int
    effects: Effects
    finished: list[ProducerRecord]
    dead_letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class FoldContext:
    """What all partitions of a worker share for folding."""

    topics: WorkerTopics
    store: ConversationStore
    rules: Rules
    label_limit: LabelLimit
    decoder: Decoder
    encoders: Mapping[Emitted, Encoder]
    schemas: SchemaSource = field(default_factory=PackagedSchemas)
