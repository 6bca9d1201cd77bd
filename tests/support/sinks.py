"""Sinks under test: real processes that write finished conversations, and what they wrote."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import Producer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import FINISHED

from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.finished import chat, encoded, like

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
        """Start a sink with these arguments and settings. Its log is in the folder."""
        given = {
            "bootstrap_servers": self.connection.bootstrap_servers,
            "topic_prefix": self.connection.topic_prefix,
            "output": self.output,
            "sink_web_port": "0",  # several sinks share this machine
            "sink_session_s": "6",
            **self.settings,
            **settings,
        }
        with (self.folder / f"sink{len(self.running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "plaudit_infra.main", "sink", *words]
            self.running.append(subprocess.Popen(command, env=environ_with(**given), stdout=log, stderr=log))
        return self.running[-1]

    def once(self, **settings: str) -> None:
        """Run a sink to the end of the log."""
        one = self.start("--once", **settings)
        assert one.wait(120) == 0, self.logs()

    def logs(self) -> str:
        """The last lines of the sinks' logs."""
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("sink*.log")))

    def address(self) -> str:
        """The address of health and metrics of a sink that has taken partitions over."""
        eventually(lambda: "taken over" in self.logs(), "the sink has its partitions")
        return next(word for word in self.logs().split() if word.startswith("http://"))

    def stop(self) -> None:
        """Kill the sinks that still run."""
        for one in self.running:
            if one.poll() is None:
                one.kill()
            one.wait(120)


def send(connection: ConnectionSettings, records: Iterable[tuple[int, bytes]]) -> None:
    """Produce finished conversations, each given by partition and payload."""
    producer = Producer(
        connection.kafka(**{"enable.idempotence": True, "message.max.bytes": 64 << 20, "linger.ms": 5})
    )
    for partition, payload in records:
        produce_when_room(producer, connection.topic_prefix + FINISHED, payload, b"k", partition)
    assert producer.flush(60) == 0


def chats(partitions: int, offsets: range) -> list[tuple[int, bytes]]:
    """A judged chat at each of these source offsets, in each partition."""
    return [
        (partition, encoded(chat(like("a"), offset=offset, source_partition=partition)))
        for partition in range(partitions)
        for offset in offsets
    ]


def each_once(partitions: int, offsets: range) -> dict[tuple[int, int], int]:
    """What `sources` gives when each of the `chats` was written once."""
    return {(partition, offset): 1 for partition in range(partitions) for offset in offsets}


def rows(output: Path, subset: str) -> list[Row]:
    """All rows of a subset, read without the sink's code."""
    found: list[Row] = []
    for path in sorted(output.glob(f"v1/{subset}/date=*/*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist()
    return found


def sources(output: Path, subset: str = "conversations") -> Counter[tuple[int, int]]:
    """The number of rows for each source event (partition and offset)."""
    return Counter((row["source_partition"], row["source_offset"]) for row in rows(output, subset))


def logged(connection: ConnectionSettings) -> set[tuple[int, int]]:
    """The source events (partition and offset) of the records in the finished topic."""
    decoder, found = Decoder("finished_conversation", sparse=True), set()
    with TopicReader(connection, FINISHED) as reader:
        for partition in reader.partitions():
            for kafka_record in reader.records(partition, *reader.ends(partition)):
                record = decoder.decode(kafka_record.value or b"")
                found.add((record["source_partition"], record["source_offset"]))
    return found
