"""What the streaming cases run on: their own real Kafka and Valkey, and a topic full of events."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis
from confluent_kafka import Producer
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

from harness.events import events

PARTITIONS = 8
ROOT = Path(__file__).parent.parent


def event_count() -> int:
    """The number of events that a run folds: BENCH_EVENTS, or a million."""
    return int(os.environ.get("BENCH_EVENTS", "1000000"))


@contextmanager
def kafka_alone(name: str) -> Iterator[tuple[ConnectionSettings, Path]]:
    """A real Kafka with the topics of Plaudit, for cases that need nothing else, and a folder.

    Args:
        name: begins the names of the topics.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = KafkaServer(Path(folder) / "kafka")
        server.start()
        try:
            settings = ConnectionSettings(
                bootstrap_servers=server.address, topic_prefix=f"{name}-", partitions=6
            )
            ensure(settings)
            yield settings, Path(folder)
        finally:
            server.stop()


@dataclass
class Stage:
    """Running servers. Each run on them has its own Redis prefix and consumer group.

    Attributes:
        pids: those of `Valkey` and the `broker`.
        acked_before: events in the topic before the current measurement.
    """

    kafka: str
    valkey: str
    folder: Path
    pids: dict[str, int] = field(default_factory=dict)
    partitions: int = PARTITIONS
    acked_before: int = 0
    connection: ConnectionSettings = field(init=False)

    def __post_init__(self) -> None:
        self.connection = ConnectionSettings(
            bootstrap_servers=self.kafka, redis_url=SecretUrl(self.valkey), topic_prefix="bench.",
            partitions=self.partitions,
        )  # fmt: skip
        ensure(self.connection)

    @property
    def topic(self) -> str:
        """The full name of the events topic."""
        return self.connection.topic_prefix + EVENTS

    def fill(
        self, count: int, seed: int = 1, answer_words: int = 90, open_conversations: int = 10_000
    ) -> float:
        """Produce `count` events. Returns their mean size in bytes."""
        producer = Producer(
            self.connection.kafka(
                **{
                    "partitioner": PARTITIONER,
                    "linger.ms": 20,
                    "queue.buffering.max.messages": 500_000,
                    "enable.idempotence": True,
                }
            )
        )
        size = 0
        for key, value in events(
            count,
            seed=seed,
            start_us=time.time_ns() // 1000,
            answer_words=answer_words,
            open_conversations=open_conversations,
        ):
            size += len(value)
            produce_when_room(producer, self.topic, value, key)
        producer.flush(300)
        return size / count

    def send_at_rate(self, made: Sequence[tuple[bytes, bytes]], rate: int, on_delivery: Any = None) -> None:
        """Send events, keys and values, at `rate` a second, and wait until Kafka has them.

        The pace begins once Kafka has the first: a producer that connects would send a heap at once.
        """
        options = {"partitioner": PARTITIONER, "linger.ms": 2, "enable.idempotence": True}
        # A broker that has just started would make it warn.
        producer = Producer(self.connection.kafka(**options, log_level=3))
        began = 0.0
        for number, (key, value) in enumerate(made):
            if number == 1:
                producer.flush(60)
                began = time.monotonic()
            while time.monotonic() < began + number / rate:
                producer.poll(
                    0.002
                )  # librdkafka counts whole milliseconds: a shorter wait would be a busy loop
            producer.produce(self.topic, value, key, on_delivery=on_delivery)
        producer.flush(60)

    def environment(self, run: str) -> dict[str, str]:
        """The environment of a worker or a peer for one run."""
        return {
            **os.environ,
            "PLAUDIT_BOOTSTRAP_SERVERS": self.kafka,
            "PLAUDIT_REDIS_URL": self.valkey,
            "PLAUDIT_TOPIC_PREFIX": self.connection.topic_prefix,
            "PLAUDIT_REDIS_PREFIX": run,
            "PLAUDIT_WORKER_GROUP": f"worker-{run}",
            "PLAUDIT_PARTITIONS": str(self.partitions),
            "PLAUDIT_DATA": str(self.folder),
            "PYTHONUNBUFFERED": "1",
        }

    def worker(self, run: str) -> "subprocess.Popen[bytes]":
        """Start a worker by its command, as users do."""
        return start(
            [str(Path(sys.executable).parent / "plaudit"), "worker", "--without-web"],
            self.environment(run),
            self.folder / f"{run}{uuid.uuid4().hex[:4]}.log",
        )

    def committed(self, run: str) -> int:
        """The number of events whose state is in Valkey: the sum of the partitions' positions."""
        with redis.Redis.from_url(self.valkey) as client:
            pipeline = client.pipeline(transaction=False)
            for partition in range(self.partitions):
                pipeline.hget(f"{run}{{plaudit:{partition}}}:position", "next")
            return sum(int(found or 0) for found in pipeline.execute())

    def forget(self) -> None:
        """Delete all state, so that each run begins with an empty Valkey."""
        with redis.Redis.from_url(self.valkey) as client:
            client.flushall()


@contextmanager
def stage(partitions: int = PARTITIONS) -> Iterator[Stage]:
    """Servers for this run, in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="plaudit-bench-") as name:
        folder = Path(name)
        kafka, valkey = KafkaServer(folder / "kafka"), ValkeyServer(folder / "valkey")
        try:
            kafka.start()
            valkey.start()
            servers = {"Valkey": valkey, "broker": kafka}
            pids = {name: each.process_id.pid for name, each in servers.items() if each.process_id}
            yield Stage(kafka.address, valkey.address, folder, pids, partitions)
        finally:
            valkey.stop()
            kafka.stop()


def start(command: list[str], environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a process whose output goes to a file."""
    with log.open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its children. Kills those that do not end."""
    # `uv run` starts the Quix peer as a child.
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()
