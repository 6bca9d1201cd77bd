"""Where the worker's time goes: microseconds of processor time an event, by stage and by process.

The stages run as in the worker, but in this process and without Kafka and Valkey, so that each can be timed
alone. The processes are those of a worker run on real servers.
"""

import asyncio
import time
import uuid
from collections import defaultdict
from typing import Any

from hiredis import pack_command
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.worker.batch_fold import BatchFold
from plaudit_stream_processors.worker.memory import prepare_memory
from plaudit_stream_processors.worker.partition_folder import PartitionFolder

from benchmarks.folding import made_logs, new_folders
from benchmarks.measuring import measure, warm_span
from benchmarks.report import Row, row
from benchmarks.stage import event_count, stage, stop

_BATCH = 2500
Stages = dict[str, float]


def run(repetitions: int) -> list[Row]:
    """The rows of the stages, then those of the processes."""
    prepare_memory()
    count = min(event_count(), 200_000)  # the stages hold all records in memory
    stages = [_stages(count) for _ in range(repetitions)]
    processes = _processes()
    rows = [row(f"stage: {name}", "us/event", [each[name] for each in stages]) for name in stages[0]]
    return rows + [row(f"process: {name}", "us/event", [value]) for name, value in processes.items()]


def _stages(count: int) -> Stages:
    logs = made_logs(count)
    spent: defaultdict[str, float] = defaultdict(float)
    folders = new_folders()

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
    folding = BatchFold(folder.context, folder.cache, folder.partition, folder.epoch, folder._number)
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
        worker = servers.worker(name)
        try:
            span = warm_span(event_count(), 600)
            measured = measure(lambda: servers.committed(name), span, [worker], servers.pids)
        finally:
            stop(worker)
    spent = dict(measured.microseconds)
    return {"worker": spent.pop("process"), **spent}
