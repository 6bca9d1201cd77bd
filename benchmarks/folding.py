"""Folding in this process, without Kafka and without a server for the state: every conversation is new."""

import time
from collections.abc import Sequence

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import EMITTED, ConversationState, Rules
from plaudit_stream_processors.metrics.generations import LabelGeneration
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.store import ConversationStore, Holding, Ownership
from plaudit_stream_processors.worker.batches import FoldContext, WorkerTopics
from plaudit_stream_processors.worker.partition_folder import PartitionFolder

from benchmarks.stage import PARTITIONS
from harness.events import events

RETENTION_MS = 3 * 86_400_000


class _NoServer(ConversationStore):
    """A store that holds nothing, so that every conversation is new."""

    def __init__(self) -> None:
        super().__init__(None, state_retention_ms=RETENTION_MS)  # type: ignore[arg-type]  # never called

    async def load_conversations(
        self, _partition: int, _keys: Sequence[str], _holding: Holding | None = None
    ) -> dict[str, ConversationState]:
        return {}


class _AllAdmitted:
    async def admit(
        self, _kind: str, _generation: LabelGeneration, values: list[OwnValue], _cleared_ms: int
    ) -> list[bool]:
        return [True] * len(values)

    async def clears(self) -> list[int]:
        return []


def made_logs(count: int) -> list[list[KafkaRecord]]:
    """The records of `count` events, one log for each partition."""
    now = time.time_ns() // 1000
    logs: list[list[KafkaRecord]] = [[] for _ in range(PARTITIONS)]
    for key, value in events(count, start_us=now):
        partition = partition_of(key, PARTITIONS)
        log = logs[partition]
        log.append(KafkaRecord(partition, len(log), now // 1000, key, value))
    return logs


def new_folders(epoch: str = "1") -> list[PartitionFolder]:
    """A folder for each partition, owned in this epoch."""
    label_limit = LabelLimit(_AllAdmitted())
    topics = WorkerTopics("events", "finished", "letters", "metrics")
    context = FoldContext(
        topics, _NoServer(), Rules(names_at=label_limit.names_at), label_limit,
        Decoder("conversation_event", sparse=True), {name: Encoder(name) for name in EMITTED},
    )  # fmt: skip
    return [
        PartitionFolder(context, partition, Ownership(epoch, None), 400_000)
        for partition in range(PARTITIONS)
    ]
