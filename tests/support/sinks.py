"""Sinks under test: real processes on a line's finished conversations, and what came of them."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import Consumer, Producer, TopicPartition
from plaudit_schemas.codec import Decoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.producing import produce_when_room
from plaudit_schemas.topics import FINISHED

Row = dict[str, Any]


@dataclass
class Sinks:
    """Sink processes that share an output."""

    connection: ConnectionSettings
    folder: Path
    output: str
    settings: dict[str, str] = field(default_factory=dict)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *words: str, **settings: str) -> "subprocess.Popen[bytes]":
        """Start one; its log is in the folder."""
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")},
            "PLAUDIT_BOOTSTRAP_SERVERS": self.connection.bootstrap_servers,
            "PLAUDIT_TOPIC_PREFIX": self.connection.topic_prefix,
            "PLAUDIT_OUTPUT": self.output,
            "PLAUDIT_SINK_WEB_PORT": "0",
            "PLAUDIT_SINK_SESSION_S": "6",
            **{f"PLAUDIT_{name.upper()}": value for name, value in {**self.settings, **settings}.items()},
        }
        with (self.folder / f"sink{len(self.running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "plaudit_infra.main", "sink", *words]
            self.running.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log))
        return self.running[-1]

    def once(self, **settings: str) -> None:
        """Run one to the end of the log."""
        one = self.start("--once", **settings)
        assert one.wait(120) == 0, self.logs()

    def logs(self) -> str:
        """The ends of the logs."""
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("sink*.log")))

    def stop(self) -> None:
        """Kill those that still run."""
        for one in self.running:
            if one.poll() is None:
                one.kill()
            one.wait(120)


def send(connection: ConnectionSettings, records: Iterable[tuple[int, bytes]]) -> None:
    """Produce finished conversations by partition."""
    producer = Producer(
        connection.kafka(**{"enable.idempotence": True, "message.max.bytes": 64 << 20, "linger.ms": 5})
    )
    for partition, payload in records:
        produce_when_room(producer, connection.topic_prefix + FINISHED, payload, b"k", partition)
    assert producer.flush(60) == 0


def rows(output: Path, subset: str) -> list[Row]:
    """Every row of a subset, by an own reading of the folder."""
    found: list[Row] = []
    for path in sorted(output.glob(f"v1/{subset}/date=*/*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist()
    return found


def sources(output: Path, subset: str = "conversations") -> Counter[tuple[int, int]]:
    """How often each source event has a row."""
    return Counter((row["source_partition"], row["source_offset"]) for row in rows(output, subset))


def logged(connection: ConnectionSettings, partitions: int) -> set[tuple[int, int]]:
    """Source events in the finished topic."""
    decoder = Decoder("finished_conversation", sparse=True)
    consumer = Consumer(connection.kafka(**{"group.id": "logged", "log_level": 0}))
    found, left = set(), {}
    for partition in range(partitions):
        place = TopicPartition(connection.topic_prefix + FINISHED, partition, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=30)
        if end:
            left[partition] = end
    consumer.assign([TopicPartition(connection.topic_prefix + FINISHED, each, 0) for each in left])
    while left:
        for message in consumer.consume(1000, timeout=1.0):
            assert message.error() is None
            payload, number, offset = message.value(), message.partition(), message.offset()
            assert payload is not None
            assert number is not None
            assert offset is not None
            record = decoder.decode(payload)
            found.add((record["source_partition"], record["source_offset"]))
            if offset + 1 >= left[number]:
                del left[number]
    consumer.close()
    return found
