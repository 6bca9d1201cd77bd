"""Faults of the sink on real servers: by force, by kill, by disk, by size."""

import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from plaudit_schemas.topics import FINISHED

from harness.waiting import eventually
from tests.support.finished import encoded, finished, like, message
from tests.support.line import Line
from tests.support.sinks import Sinks, rows, send, sources
from tests.support.topics import delete_before

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def records(offsets: range, text: str = "") -> list[tuple[int, bytes]]:
    made = (
        finished(message("q", "user", content=text), message("a"), feedback=[like("a")], offset=offset)
        for offset in offsets
    )
    return [(0, encoded(record)) for record in made]


def address(sinks: Sinks) -> str:
    eventually(lambda: "taken over" in sinks.logs(), "the sink has its partitions")
    return next(word for word in sinks.logs().split() if word.startswith("http://"))


def _value(shown: str, name: str) -> str:
    return next(line.rpartition(" ")[2] for line in shown.splitlines() if line.startswith(name + " "))


def test_two_sinks_on_one_partition_by_force(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    writing = sinks(one)
    send(one.connection, records(range(20)))
    both = [writing.start(sink_group="a", rotate_rows="30")]
    eventually(lambda: "taken over" in writing.logs(), "the first has the partition")
    (out / ".plaudit/group.json").unlink()  # as an earlier version leaves it
    both.append(writing.start(sink_group="b", rotate_rows="40"))
    eventually(
        lambda: all("taken over" in log.read_text() for log in _logs(one, 2)), "both have the partition"
    )
    send(one.connection, records(range(20, 200)))
    eventually(lambda: any(sink.poll() is not None for sink in both), "one gives way")
    eventually(lambda: len(sources(out)) >= 160, "the other goes on")
    for sink in both:
        sink.send_signal(signal.SIGTERM)
    assert sorted(sink.wait(120) for sink in both) == [0, 1], writing.logs()
    assert "another sink writes to" in writing.logs()
    assert sources(out) == {(0, offset): 1 for offset in range(200)}


def _logs(line: Line, count: int) -> list[Path]:
    return [line.folder / f"sink{number}.log" for number in range(count)]


def test_a_disk_without_space_is_waited_for(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk: writes fail in the same place, in the same way."""
    one, out = line(partitions=1), tmp_path / "out"
    writing = sinks(one, rotate_rows="50")
    sink = writing.start()
    web = address(writing)
    resource.prlimit(sink.pid, resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
    text = random.Random(1).randbytes(500).hex()
    send(one.connection, records(range(120), text))
    eventually(lambda: httpx.get(web + "/health/ready").status_code == 503, "the sink says that it waits")
    assert "the sink waits" in httpx.get(web + "/health/ready").json()["reason"]
    seen: list[tuple[int, float]] = []

    def tried_often() -> bool:
        shown = httpx.get(web + "/metrics").text
        age = float(_value(shown, "plaudit_sink_freshness_seconds"))
        seen.append((httpx.get(web + "/health/ready").status_code, age))
        return float(_value(shown, "plaudit_sink_waits_total")) >= 4

    eventually(tried_often, "it tries again and again")
    assert {status for status, _ in seen} == {503}
    assert [age for _, age in seen] == sorted(age for _, age in seen)  # or the alert would begin anew
    assert min(age for _, age in seen) > 0
    assert rows(out, "conversations") == []
    resource.prlimit(sink.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    eventually(lambda: len(rows(out, "conversations")) == 100, "it goes on by itself")
    assert httpx.get(web + "/health/ready").status_code == 200
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(120) == 0, writing.logs()
    assert sources(out) == {(0, offset): 1 for offset in range(120)}


def test_conversations_of_50_mb_fit_into_600(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> None:
    one, out, rng = line(partitions=1), tmp_path / "out", random.Random(1)
    turns = [
        message(f"m{at}", "assistant" if at % 2 else "user", content=rng.randbytes(2500).hex())
        for at in range(10_000)
    ]
    judged = [like(f"m{at}") for at in range(1, 10_000, 2)]
    large = [(0, encoded(finished(*turns, feedback=judged, offset=offset))) for offset in range(1, 4)]
    assert len(large[0][1]) > 50_000_000
    writing = sinks(one)
    sink = writing.start()
    address(writing)
    send(one.connection, [*records(range(1)), *large, *records(range(4, 104))])
    peak = [0]

    def written() -> bool:
        assert sink.poll() is None, writing.logs()
        peak[0] = max(peak[0], _peak(sink.pid))
        return len(list(out.glob("v1/conversations/*/*.parquet"))) >= 1

    eventually(written, "the first of them is on disk")
    sink.send_signal(signal.SIGTERM)

    def ended() -> bool:
        peak[0] = max(peak[0], _peak(sink.pid))
        return sink.poll() is not None

    eventually(ended, "the sink ends")
    assert sink.returncode == 0, writing.logs()
    assert sum(len(row["feedback"]) for row in rows(out, "conversations")) > 3 * 5000
    assert 100 < peak[0] >> 20 < 600


def _peak(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # it ended
        return 0


def test_a_log_that_was_cut_is_an_error_and_a_gap_is_told(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    send(one.connection, records(range(10)))
    writing = sinks(one)
    writing.once()
    send(one.connection, records(range(10, 30)))
    delete_before(one.connection, FINISHED, 0, 15)
    writing.once()
    assert "Kafka deleted offsets 10 to 14 before the sink read them" in writing.logs()
    assert sorted(sources(out)) == [(0, offset) for offset in [*range(10), *range(15, 30)]]
    marker = next(out.glob(".plaudit/markers/*/0000.json"))
    marker.write_text(marker.read_text().replace('"position":30', '"position":300'))
    assert writing.start("--once").wait(120) == 1
    assert "the output goes up to 300" in writing.logs()
