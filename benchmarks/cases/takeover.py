"""How long a worker needs to full speed when it takes over the partitions of one that has stopped.

One worker folds a part of a log with 100,000 conversations open at once, spread over 48 partitions, and is
stopped. Another one is started and goes on. It has no state in memory: each conversation comes from Valkey
with its next event. Full speed is the median rate of the last 100,000 events, over windows of a second; what
is committed is looked at four times a second.
"""

import time
import uuid
from statistics import median

from benchmarks.report import Row, row
from benchmarks.stage import Stage, stage, stop

PARTITIONS, OPEN = 48, 100_000
_BEFORE, _AFTER, _AT_THE_END = 500_000, 400_000, 100_000
_WINDOW_S, _LOOKS, _FULL = 1.0, 4, 0.8
Samples = list[tuple[float, int]]


def run(repetitions: int) -> list[Row]:
    """The rows of the waits, in seconds, and of the rate at full speed."""
    firsts, fulls, rates = [], [], []
    with stage(PARTITIONS) as servers:
        servers.fill(_BEFORE + _AFTER, open_conversations=OPEN)
        for _ in range(repetitions):
            name = uuid.uuid4().hex[:8] + "."
            _fold(servers, name, _BEFORE)
            samples = _fold(servers, name, _BEFORE + _AFTER)
            first, full, rate = waits_of(samples)
            firsts.append(first)
            fulls.append(full)
            rates.append(rate)
            servers.forget()
    return [
        row("takeover: start of the process to its first commit", "s", firsts),
        row(f"takeover: first commit to {_FULL:.0%} of full speed", "s", fulls),
        row("takeover: full speed", "events/s", rates),
    ]


def _fold(servers: Stage, name: str, until: int) -> Samples:
    """Run a worker until so many events are committed. Returns seconds since its start, and how many were."""
    began, worker = time.monotonic(), servers.worker(name)
    samples = [(0.0, servers.committed(name))]
    try:
        while samples[-1][1] < until:
            time.sleep(_WINDOW_S / _LOOKS)
            samples.append((time.monotonic() - began, servers.committed(name)))
            assert worker.poll() is None, "the worker ended"
            assert samples[-1][0] < 600, "not within ten minutes"
    finally:
        stop(worker)
    return samples


def waits_of(samples: Samples) -> tuple[float, float, float]:
    """Seconds to the first commit, seconds from there to full speed, and that speed in events/s.

    The rate at a moment is that of the second from there on.
    """
    start, end = samples[0][1], samples[-1][1]
    working = [each for each in samples if each[1] > start]
    rates = [
        (at, (later - committed) / (later_at - at))
        for (at, committed), (later_at, later) in zip(working, working[_LOOKS:], strict=False)
    ]
    at_the_end = [
        rate for (_, rate), each in zip(rates, working, strict=False) if each[1] > end - _AT_THE_END
    ]
    speed = median(at_the_end)
    full = next(at for at, rate in rates if rate >= _FULL * speed)
    return working[0][0], full - working[0][0], speed
