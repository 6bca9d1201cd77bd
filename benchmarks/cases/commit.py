"""What a commit costs Valkey, by the two ways that `state/commit.py` knows: processor time an event.

Each batch is folded once and committed to two servers in turns, one for each way.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psutil
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.service.redis import connect
from plaudit_stream_processors.state.commit import NO_LEFTOVERS, Commit, Leftovers
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker.partition_folder import PartitionFolder

from benchmarks.folding import RETENTION_MS, made_logs, new_folders
from benchmarks.report import Row, row
from benchmarks.stage import PARTITIONS, event_count

_BATCH: Final = 2500
_WAYS: Final = {"script alone": 10**9, "transaction": 32}


class _Way:
    """One way of committing, with a server of its own.

    Attributes:
        client_s: processor time of this process for the commits.
    """

    def __init__(self, server: ValkeyServer, transact_from: int) -> None:
        self._server = server
        self._store = ConversationStore(connect(server.address), state_retention_ms=RETENTION_MS)
        self._store.transact_from = transact_from
        self._found: dict[int, Leftovers] = {}
        self.client_s = 0.0

    async def own(self) -> str:
        epochs = {
            (await self._store.acquire_partition(partition, "bench")).epoch for partition in range(PARTITIONS)
        }
        return epochs.pop()  # of new partitions, so it is the same for all

    async def commit(self, commit: Commit) -> None:
        began = time.process_time()
        committed, found = commit.first_offset or None, self._found.get(commit.partition, NO_LEFTOVERS)
        self._found[commit.partition] = await self._store.commit_batch(commit, committed, found)
        self.client_s += time.process_time() - began

    def server_s(self) -> float:
        assert self._server.process_id is not None
        # Without children: one that writes the append-only file anew would count only while it lives.
        return sum(psutil.Process(self._server.process_id.pid).cpu_times()[:2])

    async def aclose(self) -> None:
        await self._store.client.aclose()


def run(repetitions: int) -> list[Row]:
    """A row for each way: Valkey's time, and that of the process that commits."""
    logs = made_logs(min(event_count(), 200_000))  # they are held in memory
    figures = [asyncio.run(_once(logs)) for _ in range(repetitions)]
    rows = []
    for process in ("Valkey", "worker"):
        base = f"{process}, script alone", [each[process, "script alone"] for each in figures]
        for way in _WAYS:
            values = [each[process, way] for each in figures]
            rows.append(row(f"commit: {process}, {way}", "us/event", values, base))
    return rows


async def _once(logs: list[list[KafkaRecord]]) -> dict[tuple[str, str], float]:
    with _servers() as servers:
        ways = {name: _Way(servers[name], least) for name, least in _WAYS.items()}
        (epoch,) = {await way.own() for way in ways.values()}
        folders, counted = new_folders(epoch), 0
        before: dict[str, tuple[float, float]] = {}
        # At first all conversations begin at once, which is not what they do later.
        warm = max(map(len, logs)) // 5
        for start in range(0, max(map(len, logs)), _BATCH):
            if not before and start >= warm:
                before = {name: (way.server_s(), way.client_s) for name, way in ways.items()}
            for folder, log in zip(folders, logs, strict=True):
                if records := log[start : start + _BATCH]:
                    counted += len(records) if before else 0
                    await _commit_batch(folder, records, list(ways.values()))
        spent = {}
        for name, way in ways.items():
            spent["Valkey", name] = (way.server_s() - before[name][0]) / counted * 1e6
            spent["worker", name] = (way.client_s - before[name][1]) / counted * 1e6
            await way.aclose()
        return spent


async def _commit_batch(folder: PartitionFolder, records: list[KafkaRecord], ways: list[_Way]) -> None:
    loaded = await folder.load_batch(records, records[0].offset, records[-1].offset + 1)
    prepared = await folder.fold_batch(loaded)
    for way in ways:
        await way.commit(prepared.commit)
    folder.cache.batch_committed(prepared.number)


@contextmanager
def _servers() -> Iterator[dict[str, ValkeyServer]]:
    with tempfile.TemporaryDirectory(prefix="plaudit-bench-") as folder, ExitStack() as stack:
        servers = {name: ValkeyServer(Path(folder) / name.replace(" ", "-")) for name in _WAYS}
        for server in servers.values():
            stack.callback(server.stop)
            server.start()
        yield servers
