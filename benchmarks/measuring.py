"""Rate, processor time and memory of a running process, all over one interval of the log."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

Process = subprocess.Popen[bytes]
WARM_EVENTS = 200_000
_NO_PROGRESS_S, _WARM_UP_S = 120.0, 600.0


@dataclass(frozen=True)
class Span:
    """Which part of the log is measured.

    Attributes:
        first: events that are folded before anything counts, at least 1: the start-up is left out.
        last: the events of the whole log.
        limit_s: seconds after which the measurement ends before `last`.
    """

    first: int
    last: int
    limit_s: float


@dataclass(frozen=True)
class Measurement:
    """What one run came to between two moments.

    Attributes:
        rate: events a second.
        microseconds: processor time an event, by process: `process` is the one measured with its children,
            the others are the servers by their names.
        memory_mib: resident memory of the process and its children at the end.
    """

    rate: float
    microseconds: Mapping[str, float]
    memory_mib: float


@dataclass(frozen=True)
class _Mark:
    done: int
    at: float
    seconds: Mapping[str, float]


def warm_span(total: int, limit_s: float) -> Span:
    """A span that begins when 200,000 events are folded, or a fifth of a shorter log."""
    return Span(max(1, min(WARM_EVENTS, total // 5)), total, limit_s)


def measure(
    progress: Callable[[], int], span: Span, processes: Sequence[Process], servers: Mapping[str, int]
) -> Measurement:
    """Wait until the span is folded, and measure.

    Args:
        progress: the number of events folded so far.
        servers: the pids of Valkey and the broker, by name.

    Raises:
        RuntimeError: a process ended, there was no progress within two minutes, or none within the span.
    """
    pids = {"process": [process.pid for process in processes], **{name: [p] for name, p in servers.items()}}
    began, first = time.monotonic(), None
    while True:
        done, now = progress(), time.monotonic()
        if first is None and done >= span.first:
            first = _Mark(done, now, _seconds(pids))
        elif first and (done >= span.last or now - first.at > span.limit_s):
            return between(first, _Mark(done, now, _seconds(pids)), _memory_mib(pids["process"]))
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("a process ended before its work was done; see its log")
        if first is None and now - began > (_WARM_UP_S if done else _NO_PROGRESS_S):
            raise RuntimeError(f"only {done:,} events were processed within {now - began:.0f} s")
        time.sleep(0.1)


def between(first: _Mark, last: _Mark, memory_mib: float) -> Measurement:
    """The measurement between two moments.

    Raises:
        RuntimeError: nothing was folded between them.
    """
    events = last.done - first.done
    if not events:
        raise RuntimeError(f"nothing was folded after event {first.done:,}; give it a longer log")
    spent = {name: (last.seconds[name] - first.seconds[name]) / events * 1e6 for name in first.seconds}
    return Measurement(events / (last.at - first.at), spent, memory_mib)


def _seconds(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {name: sum(map(processor_seconds, each)) for name, each in pids.items()}


def _memory_mib(pids: Sequence[int]) -> float:
    return float(sum(each.memory_info().rss for pid in pids for each in _family(pid)) / 2**20)


def processor_seconds(pid: int) -> float:
    """User and system time of a process and its children, in seconds."""
    return float(sum(sum(each.cpu_times()[:2]) for each in _family(pid)))


def _family(pid: int) -> list[Any]:
    process: Any = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def number_in(path: Path) -> int:
    """The number of events that a peer has written to its file of progress; 0 before it writes."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return int(text or 0)
