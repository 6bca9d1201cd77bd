"""Events a second that `plaudit replay` sends, beside the SDK sending the same; and memory over a large file.

All rates are wall time until Kafka has acknowledged everything. Memory is measured over one JSON array of
`BENCH_REPLAY_CHATS` chats (40,000, some 100 MB), with a small producer buffer.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_producers import FeedbackProducer
from plaudit_producers.importers import find_format
from plaudit_producers.importers.formats import read_batches
from plaudit_producers.importers.model import ImportOptions
from plaudit_producers.importers.replay import Replay, ReplaySummary
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import replay_file
from plaudit_producers.importers.source import open_source
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import ensure

from benchmarks.cases.sdk import TEXT
from benchmarks.report import Row, row

CHATS = 8_000
TURNS = 5
EVENTS = 2 * TURNS + 2

Send = Callable[[FeedbackProducer], object]


def write(path: Path, chats: int, *, array: bool) -> None:
    """Write a file of chats in the format `openai-chat`."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[" if array else "")
        for number in range(chats):
            turn = [
                {"role": "user", "content": f"{number} {TEXT[:120]}"},
                {"role": "assistant", "content": TEXT},
            ]
            comma = "," if array and number + 1 < chats else ""
            record = {"model": "answerer-2", "messages": turn * TURNS}
            file.write(json.dumps(record, ensure_ascii=False) + comma + "\n")
        file.write("]" if array else "")


def by_hand(producer: FeedbackProducer) -> None:
    """Send the same chats with the SDK's methods."""
    for number in range(CHATS):
        chat = producer.start_conversation(model="answerer-2")
        for _ in range(TURNS):
            chat.add_message("user", f"{number} {TEXT[:120]}")
            chat.add_message("assistant", TEXT)
        chat.end()


def rate(settings: ConnectionSettings, send: Send) -> float:
    with FeedbackProducer("bench", connection=settings, when_full="block", block_timeout_s=None) as producer:
        producer.conversation("warm").end()  # connects to Kafka, which is not measured
        assert producer.flush(60) == 0
        began = time.perf_counter()
        send(producer)
        assert producer.flush(120) == 0
        assert producer.stats().delivered == CHATS * EVENTS + 1
        return CHATS * EVENTS / (time.perf_counter() - began)


def memory(settings: ConnectionSettings, path: Path, chats: int) -> tuple[float, float]:
    """The highest resident memory in the first quarter of a file and in the rest, in MiB."""
    process, seen = psutil.Process(), [0.0, 0.0]

    def look(summary: ReplaySummary) -> None:
        if summary.records % 500 == 0:
            late = summary.records > chats / 4
            seen[late] = max(seen[late], process.memory_info().rss / 2**20)

    with (
        FeedbackProducer(
            "bench", connection=settings, when_full="block", block_timeout_s=None, max_buffer_bytes=4 << 20
        ) as producer,
        open_source(path) as source,
    ):
        replay = Replay(producer, ImportReport(None), progress=look)
        summary = replay.send_batches(read_batches(find_format("openai-chat"), source, ImportOptions()))
        assert summary.records == chats
        assert producer.flush(300) == 0
    return seen[0], seen[1]


@contextmanager
def _kafka(folder: Path) -> Iterator[str]:
    server = KafkaServer(folder)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


def run(repetitions: int) -> list[Row]:
    """The rates of each case, and the memory of one long run."""
    long_chats = int(os.environ.get("BENCH_REPLAY_CHATS", "40000"))
    form = find_format("openai-chat")
    with tempfile.TemporaryDirectory() as name, _kafka(Path(name) / "kafka") as address:
        folder = Path(name)
        settings = ConnectionSettings(bootstrap_servers=address, topic_prefix="bench-replay-", partitions=6)
        ensure(settings)
        write(folder / "lines", CHATS, array=False)
        write(folder / "array", CHATS, array=True)
        write(folder / "long", long_chats, array=True)
        cases: dict[str, Send] = {
            "sdk, the same chats": by_hand,
            "replay, JSON lines": lambda producer: replay_file(folder / "lines", form, producer),
            "replay, one JSON array": lambda producer: replay_file(folder / "array", form, producer),
        }
        found: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(repetitions):
            for case, send in cases.items():
                found[case].append(rate(settings, send))
        early, late = memory(settings, folder / "long", long_chats)
        size = (folder / "long").stat().st_size / 1e6
    base = "sdk, the same chats"
    rows = [
        row(case, "events/s", values, None if case == base else (base, found[base]))
        for case, values in found.items()
    ]
    first = f"replay of {size:,.0f} MB, first quarter"
    return [
        *rows,
        row(first, "MiB RSS", [early]),
        row("replay, the rest", "MiB RSS", [late], (first, [early])),
    ]
