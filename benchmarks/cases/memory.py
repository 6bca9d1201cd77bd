"""The worker's resident memory while it folds a long log: the last quarter beside the second quarter."""

import os
import time
import uuid

import psutil

from benchmarks.report import Row, row
from benchmarks.stage import Stage, stage, stop


def event_count() -> int:
    """The number of events: two million, or twice BENCH_EVENTS."""
    return 2 * int(os.environ.get("BENCH_EVENTS", "1000000"))


def run(repetitions: int) -> list[Row]:
    """The highest memory in the second quarter and in the last, in MiB."""
    del repetitions  # the log is long, so it is folded once
    with stage() as servers:
        total = event_count()
        # In one call, so that as many conversations are open at the end as at the beginning.
        servers.fill(total)
        samples = _sample(servers, total)
    quarters = [[mib for done, mib in samples if done * 4 // total == quarter] for quarter in range(4)]
    second, last = [max(quarters[1])], [max(quarters[3])]
    return [
        row(f"second quarter of {total:,} events", "MiB", second),
        row("last quarter", "MiB", last, ("second quarter", second)),
    ]


def _sample(servers: Stage, total: int) -> list[tuple[int, float]]:
    name = uuid.uuid4().hex[:8] + "."
    worker = servers.worker(name)
    process = psutil.Process(worker.pid)
    samples: list[tuple[int, float]] = []
    try:
        deadline = time.monotonic() + 1200
        done = 0
        while done < total and time.monotonic() < deadline:
            time.sleep(0.2)
            done = servers.committed(name)
            samples.append((min(done, total - 1), process.memory_info().rss / 2**20))
        assert done >= total, f"{done} of {total} events within 20 minutes"
    finally:
        stop(worker)
    return samples
