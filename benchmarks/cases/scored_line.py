"""A scorer with the static encoder beside a worker, on a real log: its rate, its memory, its latency.

The rate is of the scorer's own processor time, on a log that the worker has folded before. The latency is
from the broker's timestamp of an answer to that of its score, while worker and scorer share the cores at
2,000 events a second.
"""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import psutil
from plaudit_consumers.training.encoders.cached import static_encoder
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import ADD_MESSAGE, UPDATE_MESSAGE
from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.models.activations import MIN_DELAY_MS
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.topics import EVENTS

from benchmarks.measuring import processor_seconds
from benchmarks.report import Row, row
from benchmarks.scoring.folders import write_folder
from benchmarks.stage import PARTITIONS, Stage, event_count, stage, start, stop
from harness.events import events

_MODEL = "bench"
_RATE, _SECONDS, _WARM_S = 2000, 30, 10
_LIMIT_S = 1800.0
_ANSWER_WORDS = 40
"""About 43 tokens, the mean of the answers of hh-rlhf."""


def run(repetitions: int) -> list[Row]:
    """The rows of the rate, the memory and the latency. The log is long, so it is scored once."""
    rows = _catching_up(event_count())
    halves, tails = [], []
    for _ in range(repetitions):
        waits = _latencies()
        cuts = quantiles(waits, n=100)
        halves.append(cuts[49])
        tails.append(cuts[98])
    return [
        *rows,
        row(f"answer to score, p50 at {_RATE} events/s", "ms", halves),
        row("answer to score, p99", "ms", tails),
    ]


def _catching_up(total: int) -> list[Row]:
    with stage() as servers:
        _publish(servers)
        servers.fill(total, answer_words=_ANSWER_WORDS)
        name = uuid.uuid4().hex[:8] + "."
        with _process(servers, name, "worker"):
            _wait(lambda: servers.committed(name) >= total)
            with _process(servers, name, "scorer") as scorer:
                samples = _samples(servers, name, scorer.pid)
                spent = processor_seconds(scorer.pid)
        answers = sum(_ends(servers)) - total
    # What was spent before the first record is the start-up.
    rate = answers / (spent - samples[0][2])
    quarters = [[mib for done, mib, _ in samples if int(done * 4) == quarter] for quarter in range(4)]
    second, last = [max(quarters[1])], [max(quarters[3])]
    return [
        row(f"scores of {answers:,} answers in {total:,} events", "answers/s of a core", [rate]),
        row("memory, second quarter", "MiB", second),
        row("memory, last quarter", "MiB", last, ("memory, second quarter", second)),
    ]


def _samples(servers: Stage, name: str, pid: int) -> list[tuple[float, float, float]]:
    """Share of the log that is handled, MiB, processor seconds; from the first progress on."""
    reader, process = LagReader(servers.connection, _group(name)), psutil.Process(pid)
    found: list[tuple[float, float, float]] = []
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        lag = reader.read()
        if lag is not None and lag.waiting < lag.events:
            done = 1 - lag.waiting / lag.events
            found.append((min(done, 0.999), process.memory_info().rss / 2**20, processor_seconds(pid)))
            if not lag.waiting:
                reader.close()
                return found
        time.sleep(0.2)
    raise RuntimeError("the scorer did not come to the end of the log")


def _latencies() -> list[float]:
    """Milliseconds from each answer to its score."""
    with stage() as servers:
        _publish(servers)
        name = uuid.uuid4().hex[:8] + "."
        with _process(servers, name, "worker"), _process(servers, name, "scorer"):
            _produce(servers, _RATE * (_WARM_S + _SECONDS))
            _wait_scored(servers, name)
        return _waits(servers)


def _produce(servers: Stage, count: int) -> None:
    made = list(
        events(count, open_conversations=2000, start_us=time.time_ns() // 1000, answer_words=_ANSWER_WORDS)
    )
    servers.send_at_rate(made, _RATE)


def _waits(servers: Stage) -> list[float]:
    decoder = Decoder("conversation_event")
    asked: dict[tuple[str, str], int] = {}
    waits: dict[tuple[str, str], int] = {}
    with TopicReader(servers.connection, EVENTS) as reader:
        for partition, end in enumerate(_ends(servers)):
            for record in reader.records(partition, 0, end):
                assert record.value is not None
                event = decoder.decode(record.value)
                name, body = event["body"]
                place = (event["conversation_id"], body.get("message_id") or "")
                if name == ADD_MESSAGE and body["role"] == "assistant":
                    asked[place] = record.timestamp
                elif name == UPDATE_MESSAGE and event["source"] == "scorer":
                    waits[place] = record.timestamp - asked[place]
    assert len(waits) == len(asked), f"{len(asked) - len(waits)} answers have no score"
    warm_at = min(asked.values()) + 1000 * _WARM_S
    return [float(wait) for place, wait in waits.items() if asked[place] >= warm_at]


def _publish(servers: Stage) -> None:
    folder = write_folder(servers.folder / "model", static_encoder(), "1")
    manifest, sha256 = read_manifest(folder)
    with ModelRegistry(servers.connection) as registry:
        registry.publish(manifest, sha256, str(folder), delay_ms=MIN_DELAY_MS)
    time.sleep(MIN_DELAY_MS / 1000 + 1)  # the answers that follow belong to it


@contextmanager
def _process(servers: Stage, name: str, command: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **servers.environment(name),
        "PLAUDIT_WEB_PORT": "0",
        "PLAUDIT_SCORER_MODEL": _MODEL,
        "PLAUDIT_SCORER_GROUP": f"scorer-{name}",
        "PLAUDIT_SCORER_WEB_PORT": "0",
    }
    line = [str(Path(sys.executable).parent / "plaudit"), command]
    process = start(line, environment, servers.folder / f"{name}{command}.log")
    try:
        yield process
    finally:
        stop(process)


def _group(name: str) -> str:
    return f"scorer-{name}"


def _wait_scored(servers: Stage, name: str) -> None:
    reader = LagReader(servers.connection, _group(name))

    def done() -> bool:
        lag = reader.read()
        return lag is not None and lag.events > 0 and lag.waiting == 0

    _wait(done)
    reader.close()


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done within {_LIMIT_S:.0f} s; see the logs")
        time.sleep(0.2)


def _ends(servers: Stage) -> list[int]:
    with TopicReader(servers.connection, EVENTS) as reader:
        return [reader.ends(partition)[1] for partition in range(PARTITIONS)]
