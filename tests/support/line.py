"""The system under test: real Kafka and Valkey, workers as real processes, and checks of their results."""

import asyncio
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from confluent_kafka import Producer
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED
from plaudit_schemas.topics.admin import ensure
from plaudit_stream_processors.fold import EMITTED, ConversationState, Rules
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import ConversationStore

from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.recount import Recount, recount

_WRONG_CLOCK = Path(__file__).parent / "wrong_clock"


def wrong_clock(ahead_s: float) -> dict[str, str]:
    """The environment of a Python process whose clock is wrong."""
    return {"PYTHONPATH": str(_WRONG_CLOCK), "WRONG_CLOCK_AHEAD_S": str(ahead_s)}


@dataclass
class Line:
    """Its own topics and Redis keys, on servers that may be shared.

    Attributes:
        settings: the workers' settings by name; they override the usual ones.
        schemas: has the ids that the workers write; None if these are the packaged ones.
        prefix: of topics and keys; a new one if it is empty.
        ended: process ids of the workers that the test ended or expected to end.
    """

    kafka: str
    redis: str
    folder: Path
    partitions: int = 4
    settings: dict[str, str] = field(default_factory=dict)
    schemas: SchemaSource | None = None
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    prefix: str = ""

    def __post_init__(self) -> None:
        name = self.prefix or f"t{uuid.uuid4().hex[:8]}."
        self.connection = ConnectionSettings(
            bootstrap_servers=self.kafka,
            redis_url=SecretUrl(self.redis),
            topic_prefix=name,
            redis_prefix=name,
            partitions=self.partitions,
        )
        ensure(self.connection)
        self.producer = Producer(
            self.connection.kafka(
                **{
                    "partitioner": PARTITIONER,
                    "linger.ms": 5,
                    "enable.idempotence": True,
                    "message.max.bytes": 8 * 2**20,
                }
            )
        )

    def send(self, records: Iterable[tuple[bytes, bytes]]) -> int:
        """Produce events. Returns their number."""
        count = 0
        for key, value in records:
            produce_when_room(self.producer, self.connection.topic_prefix + EVENTS, value, key)
            count += 1
        assert self.producer.flush(120) == 0
        return count

    def start_worker(self, *, clock_ahead_s: float = 0, **settings: str) -> "subprocess.Popen[bytes]":
        """Start a worker process. Its log is in the folder.

        Args:
            clock_ahead_s: how far the clock of its machine is ahead of the broker's.
        """
        log = (self.folder / f"worker{len(self.workers)}.log").open("wb")
        with log:
            command = [sys.executable, "-m", "plaudit_infra.main", "worker"]
            environ = self.worker_environ(**settings)
            if clock_ahead_s:
                environ |= wrong_clock(clock_ahead_s)
            worker = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    def worker_environ(self, **settings: str) -> dict[str, str]:
        """The environment of a worker; the settings override the line's."""
        usual = {
            "bootstrap_servers": self.kafka,
            "redis_url": self.redis,
            "topic_prefix": self.connection.topic_prefix,
            "redis_prefix": self.connection.redis_prefix,
            "web_port": "0",
            "worker_session_s": "4",
        }
        return environ_with(**{**usual, **self.settings, **settings})

    def logs(self) -> str:
        """The last lines of the workers' logs."""
        return "\n".join(path.read_text()[-1500:] for path in sorted(self.folder.glob("worker*.log")))

    def _client(self) -> Any:
        if "+cluster" in self.redis:
            return redis.RedisCluster.from_url(self.redis.replace("+cluster", ""))
        return redis.Redis.from_url(self.redis)

    def end_worker(self, worker: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> int:
        """End a worker with a signal and wait for its end. Returns the exit code."""
        self.ended.add(worker.pid)
        worker.send_signal(number)
        return worker.wait(120)

    def wait_ended(self, worker: "subprocess.Popen[bytes]") -> int:
        """Wait for a worker that should end by itself. Returns the exit code."""
        self.ended.add(worker.pid)
        return worker.wait(120)

    def lost_workers(self) -> list[int]:
        """Process ids of the workers that ended although the test did not expect it."""
        return [
            worker.pid
            for worker in self.workers
            if worker.poll() is not None and worker.pid not in self.ended
        ]

    def stop_workers(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)  # a test may have paused it
                worker.kill()
            worker.wait(120)

    def position(self, partition: int) -> int:
        with self._client() as client:
            return int(
                client.hget(partition_keys(self.connection.redis_prefix, partition).position, "next") or 0
            )

    def folded(self) -> int:
        """The number of committed offsets, over all partitions."""
        return sum(self.position(partition) for partition in range(self.partitions))

    def ends(self) -> dict[int, int]:
        """The end offset of each partition of the events topic."""
        with TopicReader(self.connection, EVENTS) as reader:
            return {partition: reader.ends(partition)[1] for partition in range(self.partitions)}

    def wait_folded(self, *, supervised: bool = False) -> None:
        """Wait until every event is committed.

        Args:
            supervised: start a worker whenever all have ended, as a supervisor does. Without it, the test
                fails if a worker ends by itself.
        """
        ends = self.ends()

        def done() -> bool:
            if not supervised:
                assert self.lost_workers() == [], "a worker ended by itself"
            elif all(worker.poll() is not None for worker in self.workers):
                self.start_worker()
            return all(self.position(partition) >= end for partition, end in ends.items())

        try:
            eventually(done, "every event is folded", 300)
        except BaseException:
            print(self.logs())
            raise

    def read(self, topic: str) -> Iterator[KafkaRecord]:
        """All records of a topic, partition by partition, in order."""
        with TopicReader(self.connection, topic, timeout_s=120) as reader:
            for partition in reader.partitions():
                yield from reader.records(partition, *reader.ends(partition))

    def log(self) -> list[KafkaRecord]:
        """All records of the events topic."""
        return list(self.read(EVENTS))

    def check_exact(self, rules: Rules | None = None) -> Recount:
        """Assert that state, counters, finished conversations and dead letters equal a recount of the log.

        A worker may end idle conversations meanwhile. What was read is of several moments then, and if it
        differs, all is read again.
        """
        deadline = time.monotonic() + 300
        while True:
            before = self.ends(), self.folded()
            try:
                return self._check_once(rules)
            except AssertionError:
                ends, folded = self.ends(), self.folded()
                under_way = self.running() and folded < sum(ends.values())
                if ((ends, folded) == before and not under_way) or time.monotonic() > deadline:
                    raise

    def running(self) -> bool:
        """Whether a worker runs."""
        return any(worker.poll() is None for worker in self.workers)

    def _check_once(self, rules: Rules | None) -> Recount:
        expected = recount(self.log(), rules or Rules(partitions=self.partitions))
        for partition in range(self.partitions):
            assert self._buckets(partition) == expected.buckets.get(partition, {}), f"counters of {partition}"
            states = expected.states.get(partition, {})
            stored = asyncio.run(self._load(partition, list(states)))
            assert set(stored) == {key for key, state in states.items() if state.events}
            for key, state in stored.items():
                assert plain(state) == plain(states[key]), key
        self._check_finished(expected)
        letters = [DeadLetter.read(record) for record in self.read(DEAD_LETTERS)]
        refused = {
            (letter.record.partition, letter.record.offset): letter.refusal.reason for letter in letters
        }
        assert refused == expected.refused
        return expected

    def _check_finished(self, expected: Recount) -> None:
        decoder = SeveralDecoder(EMITTED, self.schemas)
        contents: dict[tuple[int, int], set[bytes]] = {}
        for message in self.read(FINISHED):
            assert message.value is not None
            _, record = decoder.decode(message.value)
            assert message.partition == record["source_partition"]
            place = record["source_partition"], record["source_offset"]
            contents.setdefault(place, set()).add(message.value)
        assert set(contents) == set(expected.finished)
        # After a crash a source offset may come twice, but only with the same bytes.
        assert {len(content) for content in contents.values()} <= {1}

    def _buckets(self, partition: int) -> dict[str, dict[str, int]]:
        keys = partition_keys(self.connection.redis_prefix, partition)
        found = {}
        # Cells that went back to 0 stay in Redis, and a recount leaves them out.
        with self._client() as client:
            for name in client.zrange(keys.changed, 0, -1):
                cells = client.hgetall(keys.metrics + name.decode())
                found[name.decode()] = {
                    cell.decode(): int(value) for cell, value in cells.items() if int(value)
                }
        return {name: cells for name, cells in found.items() if cells}

    async def _load(self, partition: int, keys: list[str]) -> dict[str, ConversationState]:
        client = connect(self.redis)
        store = ConversationStore(client, prefix=self.connection.redis_prefix, state_retention_ms=1)
        found = await store.load_conversations(partition, keys)
        await client.aclose()
        return found


def plain(state: ConversationState) -> dict[str, Any]:
    """A state as data that can be compared."""
    skipped = {"dirty", "batch", "anew", "listed_open", "weight", "size", "children", "slots_of"}
    fields = {name: getattr(state, name) for name in ConversationState.__slots__ if name not in skipped}
    return _plain(fields)  # type: ignore[no-any-return]  # a dict stays one


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(value) for value in node]
    return node
