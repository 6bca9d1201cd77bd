"""How long a worker needs to full speed when it takes over the partitions of one that has stopped.

One worker folds a part of a log with 100,000 conversations open at once, spread over 48 partitions, and is
stopped. Another one is started and goes on. It has no state in memory: each conversation comes from Valkey
with its next event. Full speed is the median rate of the last 100,000 events.
"""

import time
import uuid
from statistics import median

from benchmarks.report import Row, row
from benchmarks.stage import Stage, stage, stop

PARTITIONS, OPEN = 48, 100_000
_BEFORE, _AFTER, _AT_THE_END = 500_000, 400_000, 100_000
_WINDOW_S, _FULL = 1.0, 0.8
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
            first, full, rate = _read(samples)
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
            time.sleep(_WINDOW_S / 4)
            samples.append((time.monotonic() - began, servers.committed(name)))
            assert worker.poll() is None, "the worker ended"
            assert samples[-1][0] < 600, "not within ten minutes"
    finally:
        stop(worker)
    return samples


def _read(samples: Samples) -> tuple[float, float, float]:
    """Seconds to the first commit, seconds from there to full speed, and that speed in events/s."""
    start, end = samples[0][1], samples[-1][1]
    first = next(at for at, committed in samples if committed > start)
    rates = [
        (later[0], (later[1] - earlier[1]) / (later[0] - earlier[0]))
        for earlier, later in zip(samples, samples[4:], strict=False)
    ]
    begin = next(at for at, committed in samples if committed > end - _AT_THE_END)
    speed = median(rate for at, rate in rates if at >= begin)
    full = next(at for at, rate in rates if rate >= _FULL * speed)
    return first, max(0.0, full - first), speed
