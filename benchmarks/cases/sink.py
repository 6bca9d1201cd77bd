"""One sink process: how many conversations of ten messages it writes a second, and its peak memory.

`python -m benchmarks.cases.sink` starts its own Kafka (or uses the address given) and prints min/median/max.

The baseline is a plain loop over the same topic: decode, `pyarrow.Table.from_pylist`, `write_table`. It
promises nothing after a crash.

- The rate counts from the first record to the last file, without start-up.
- *by core*: conversations a second of the process's own processor time with all its threads. It does not
  depend on other load on the machine.
- *of which*: where the time goes. The stages are decoding to canonical rows, and writing Parquet, which has
  its own thread.
- *files with zstd*: bytes of all files for one conversation, by compression level.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from os import environ
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Producer, TopicPartition
from plaudit_consumers.rows.canonical import canonical_row
from plaudit_consumers.rows.schemas import CONVERSATIONS
from plaudit_consumers.sink.loop.metrics import STAGES
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import FINISHED
from plaudit_schemas.topics.admin import ensure

from harness.finished import finished_conversations

CONVERSATIONS_EACH = 40_000
PARTITIONS = 4
LEVELS = range(1, 10)
Row = dict[str, Any]


def fill(settings: ConnectionSettings, count: int) -> None:
    """Produce the conversations to the finished topic."""
    # Without idempotence a batch that is sent again may be overtaken, and the sink would drop it as a repeat.
    options = {"linger.ms": 20, "compression.type": "lz4", "enable.idempotence": True}
    producer: Any = Producer(settings.kafka(**options))
    for partition, payload in finished_conversations(count, partitions=PARTITIONS):
        produce_when_room(producer, settings.topic_prefix + FINISHED, payload, b"k", partition)
    assert producer.flush(120) == 0


class Rates(NamedTuple):
    """What one run measured.

    Attributes:
        wall: conversations a second of wall time, without start-up.
        core: conversations a second of processor time, without start-up.
        peak: highest resident memory in MiB.
        stages: microseconds a conversation of each of STAGES.
    """

    wall: float
    core: float
    peak: float = 0.0
    stages: tuple[float, ...] = ()


def sink(settings: ConnectionSettings, output: Path, count: int) -> Rates:
    """Run `plaudit sink --once`, then run it again with nothing to do, which measures start-up."""
    processor, peak, lines = _once(settings, output)
    idle, _, _ = _once(settings, output)
    began, ended = (
        _moment(next(line for line in lines if mark in line)) for mark in ("taken over", "stopped")
    )
    rows = sum(pq.read_metadata(path).num_rows for path in output.glob("v1/conversations/*/*.parquet"))
    assert rows == count
    stages = tuple(seconds * 1e6 / count for seconds in _stages(lines))
    return Rates(count / (ended - began), count / (processor - idle), peak, stages)


def _stages(lines: list[str]) -> list[float]:
    """Seconds of decode and write, from the sink's last log line."""
    said = next(line for line in lines if "stopped after" in line)
    return [float(re.findall(rf"{stage} ([\d.]+) s", said)[0]) for stage in STAGES]


def _once(settings: ConnectionSettings, output: Path) -> tuple[float, float, list[str]]:
    """Run a sink. Returns seconds of processor time, the peak in MiB and the lines of its log."""
    variables = {
        "BOOTSTRAP_SERVERS": settings.bootstrap_servers, "TOPIC_PREFIX": settings.topic_prefix,
        "OUTPUT": str(output), "SINK_GROUP": output.name,
    }  # fmt: skip
    environment = {**environ, **{f"PLAUDIT_{name}": value for name, value in variables.items()}}
    log, before = output.with_suffix(".log"), getrusage(RUSAGE_CHILDREN)
    with log.open("wb") as file:
        command = [sys.executable, "-m", "plaudit_infra.main", "sink", "--once", "--without-web"]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        peak = _peak_mib(process)
    after, lines = getrusage(RUSAGE_CHILDREN), log.read_text().splitlines()
    assert process.returncode == 0, lines[-5:]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak, lines


def _peak_mib(process: "subprocess.Popen[bytes]") -> float:
    """The kernel's own record of the peak. The peak of `wait4` would start with that of the parent."""
    peak = 0.0
    while process.poll() is None:
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            peak = max(peak, int(found[1]) / 1024 if found else 0.0)
        time.sleep(0.05)
    return peak


def _moment(line: str) -> float:
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007  # a difference


def plain(settings: ConnectionSettings, output: Path, count: int) -> Rates:
    """The rates of the plain loop."""
    decoder, rows, done = Decoder("finished_conversation"), [], 0
    consumer: Any = Consumer(settings.kafka(**{"group.id": output.name}))
    topic = settings.topic_prefix + FINISHED
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    pa.array([1])  # makes Arrow load its lazy parts before the clock starts
    first = consumer.consume(1, timeout=30)
    began, processor = time.perf_counter(), time.process_time()
    with pq.ParquetWriter(output, CONVERSATIONS, compression="zstd") as writer:
        messages = first
        while done < count:
            for message in messages:
                rows.append(canonical_row(KafkaRecord.of(message), decoder.decode(message.value()), None))
                done += 1
            if len(rows) >= 5000 or done == count:
                writer.write_table(pa.Table.from_pylist(rows, schema=CONVERSATIONS))
                rows.clear()
            messages = consumer.consume(2000, timeout=1.0)
    rates = Rates(count / (time.perf_counter() - began), count / (time.process_time() - processor))
    consumer.close()
    return rates


def size(output: Path, level: int, count: int) -> float:
    """Bytes of all files for one conversation, when they are written with another compression level."""
    total = 0
    for path in output.glob("v1/*/*/*.parquet"):
        file, sink_ = pq.ParquetFile(path), pa.BufferOutputStream()
        with pq.ParquetWriter(
            sink_, file.schema_arrow, compression="zstd", compression_level=level
        ) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                writer.write_table(table, row_group_size=table.num_rows)
        total += sink_.getvalue().size
    return total / count


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    if len(sys.argv) > 1 and ":" in sys.argv[1]:
        yield sys.argv[1]
        return
    server = KafkaServer(folder / "kafka")
    server.start()
    yield server.address
    server.stop()


def run(repetitions: int) -> list[Row]:
    """The baseline, the sink's rate, its peak memory, and file sizes by zstd level."""
    plains, sinks = [], []
    with tempfile.TemporaryDirectory() as name, kafka(Path(name)) as address:
        folder = Path(name)
        settings = ConnectionSettings(
            bootstrap_servers=address, topic_prefix=f"bench-{time.time_ns()}-", partitions=PARTITIONS
        )
        ensure(settings)
        fill(settings, CONVERSATIONS_EACH)
        for number in range(repetitions):
            plains.append(plain(settings, folder / f"plain{number}", CONVERSATIONS_EACH))
            sinks.append(sink(settings, folder / f"sink{number}", CONVERSATIONS_EACH))
        sizes = {level: size(folder / "sink0", level, CONVERSATIONS_EACH) for level in LEVELS}
    wall, core = median(each.wall for each in plains), median(each.core for each in plains)
    unit, cored = "conversations/s", "conversations/s of a core"
    return [
        _row("plain from_pylist loop", unit, [each.wall for each in plains], wall),
        _row("sink, exactly once", unit, [each.wall for each in sinks], wall),
        _row("plain from_pylist loop, by core", cored, [each.core for each in plains], core),
        _row("sink, by core", cored, [each.core for each in sinks], core),
        *(
            _row(f"sink, of which {stage}", "µs/conversation", [each.stages[at] for each in sinks], None)
            for at, stage in enumerate(STAGES)
        ),
        _row("sink, peak memory", "MiB", [each.peak for each in sinks], None),
        *(
            _row(f"sink, files with zstd {level}", "bytes/conversation", [each], min(sizes.values()))
            for level, each in sizes.items()
        ),
    ]


def _row(case: str, unit: str, values: list[float], base: float | None) -> Row:
    middle = median(values)
    against = "the smallest level" if unit.startswith("bytes") else "plain from_pylist loop"
    return {
        "case": case, "unit": unit, "min": min(values), "median": middle, "max": max(values),
        "ratio_to": None if base is None else against, "ratio": None if base is None else middle / base,
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    for row in run(3):
        ratio = "" if row["ratio"] is None else f"   {row['ratio']:.2f} of {row['ratio_to']}"
        values = f"{row['min']:>9,.0f} / {row['median']:>9,.0f} / {row['max']:>9,.0f}"
        print(f"{row['case']:<52} {values} {row['unit']}{ratio}")


if __name__ == "__main__":
    main()
