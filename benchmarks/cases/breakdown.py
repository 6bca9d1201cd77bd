"""Where the worker's time goes: microseconds of processor time an event, by stage and by process.

The stages run as in the worker, but in this process and without Kafka and Valkey, so that each can be timed
alone. The processes are those of a worker run on real servers.
"""

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import psutil
from hiredis import pack_command
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import EMITTED, ConversationState, Rules
from plaudit_stream_processors.metrics.generations import LabelGeneration
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.store import ConversationStore, Holding, Ownership
from plaudit_stream_processors.worker.partition_folder import (
    BatchFold,
    FoldContext,
    PartitionFolder,
    WorkerTopics,
)

from benchmarks.report import Row, row
from benchmarks.stage import PARTITIONS, event_count, processor_seconds, rate, stage, stop
from harness.events import events

_BATCH = 2500
Stages = dict[str, float]


def run(repetitions: int) -> list[Row]:
    """The rows of the stages, then those of the processes."""
    count = min(event_count(), 200_000)  # the stages hold all records in memory
    stages = [_stages(count) for _ in range(repetitions)]
    processes = _processes()
    rows = [row(f"stage: {name}", "us/event", [each[name] for each in stages]) for name in stages[0]]
    return rows + [row(f"process: {name}", "us/event", [value]) for name, value in processes.items()]


class _NoServer(ConversationStore):
    """A store that holds nothing, so that every conversation is new."""

    def __init__(self) -> None:
        super().__init__(None, state_retention_ms=3 * 86_400_000)  # type: ignore[arg-type]  # never called

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


def _stages(count: int) -> Stages:
    now = time.time_ns() // 1000
    logs: list[list[KafkaRecord]] = [[] for _ in range(PARTITIONS)]
    for key, value in events(count, start_us=now):
        partition = partition_of(key, PARTITIONS)
        log = logs[partition]
        log.append(KafkaRecord(partition, len(log), now // 1000, key, value))
    label_limit = LabelLimit(_AllAdmitted())
    topics = WorkerTopics("events", "finished", "letters", "metrics")
    context = FoldContext(
        topics, _NoServer(), Rules(names_at=label_limit.names_at), label_limit,
        Decoder("conversation_event", sparse=True), {name: Encoder(name) for name in EMITTED},
    )  # fmt: skip
    spent: defaultdict[str, float] = defaultdict(float)
    folders = [
        PartitionFolder(context, partition, Ownership("1", None), 400_000) for partition in range(PARTITIONS)
    ]

    async def work() -> None:
        for start in range(0, max(map(len, logs)), _BATCH):
            for folder, log in zip(folders, logs, strict=True):
                if log[start : start + _BATCH]:
                    await _batch(folder, log[start : start + _BATCH], spent)

    asyncio.run(work())
    return {name: seconds / count * 1e6 for name, seconds in spent.items()}


async def _batch(folder: PartitionFolder, records: list[KafkaRecord], spent: defaultdict[str, float]) -> None:
    # The steps of the folder, one by one: it has no public way to time them apart.
    marks = [time.process_time()]
    folder._number += 1
    decoded = folder.context.decoder.decode_many([record.value for record in records])
    marks.append(time.process_time())
    await folder._load_states(records, decoded)
    marks.append(time.process_time())
    folding = BatchFold(folder, folder._number)
    folding.fold_records(zip(records, decoded, strict=True))
    marks.append(time.process_time())
    prepared = folding.result(records[0].offset, records[-1].offset + 1)
    marks.append(time.process_time())
    arguments: Any = ("EVALSHA", *prepared.commit.conversations)
    pack_command(arguments)
    marks.append(time.process_time())
    folder.cache.batch_committed(prepared.number)
    marks.append(time.process_time())
    # The names match the intervals between the marks above.
    names = ("decode", "look up states", "fold, finished records", "JSON of what changed", "pack", "forget")
    for name, before, after in zip(names, marks, marks[1:], strict=False):
        spent[name] += after - before


def _processes() -> dict[str, float]:
    with stage() as servers:
        servers.fill(event_count())
        name = uuid.uuid4().hex[:8] + "."
        others = {
            "broker" if process.name() == "java" else "Valkey": process.pid
            for process in psutil.Process().children(recursive=True)
            if process.name() in ("java", "valkey-server")
        }
        before = {each: processor_seconds(pid) for each, pid in others.items()}
        worker = servers.worker(name)
        try:
            rate(lambda: servers.committed(name), event_count(), [worker], 600)
            spent = {each: processor_seconds(pid) - before[each] for each, pid in others.items()}
            spent["worker, start included"] = processor_seconds(worker.pid)
        finally:
            stop(worker)
    return {each: seconds / event_count() * 1e6 for each, seconds in spent.items()}
