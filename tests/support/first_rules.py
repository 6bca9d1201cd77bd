"""Folds a log as a worker of earlier rules did."""

import asyncio
from dataclasses import replace

from plaudit_stream_processors.metrics.label_names import LimitedNames
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.state.keys import labels_key, partition_keys
from plaudit_stream_processors.worker.app import _fold_context
from plaudit_stream_processors.worker.partition_folder import PartitionFolder
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import check_topics

from tests.support.line import Line


def fold_by_earlier_rules(line: Line, version: int) -> dict[int, int]:
    """Fold all that a log holds, and leave Redis as that worker did. Returns each partition's position.

    Args:
        version: of the rules; those of version 1 recorded none.
    """
    settings = WorkerSettings(allow_one_replica=True)
    topics = check_topics(line.connection, settings)
    context = _fold_context(line.connection, settings, topics)
    labels: set[tuple[str, str]] = set()

    def admit(kind: str, _application: str, value: str) -> bool:
        labels.add((kind, value))
        return True

    names = LimitedNames(admit)
    context = replace(context, rules=replace(context.rules, version=version, names_at=lambda *_: names))
    output = GaplessOutput(line.connection)
    records = line.log()

    async def fold() -> dict[int, int]:
        positions = {}
        for partition in range(line.partitions):
            own = [record for record in records if record.partition == partition]
            ownership = await context.store.acquire_partition(partition, "before")
            folder = PartitionFolder(context, partition, ownership, 10_000)
            loaded = await folder.load_batch(own, 0, len(own))
            prepared = await folder.fold_batch(loaded)
            letters = [letter.to_send(context.topics.dead_letters) for letter in prepared.dead_letters]
            await output.send_records([*prepared.finished, *letters])
            await folder.commit_batch(prepared)
            positions[partition] = len(own)
        await context.store.client.aclose()
        return positions

    positions = asyncio.run(fold())
    output.close()
    prefix = line.connection.redis_prefix
    with line._client() as client:
        for kind, value in labels:
            client.sadd(labels_key(prefix, kind), value)
        for partition in positions:
            key = partition_keys(prefix, partition).position
            if version == 1:
                client.hdel(key, "rules", "takeovers", "swept")
                client.hset(key, "epoch", 1)
            else:
                client.hset(key, "rules", f"{version}:0")
    return positions
