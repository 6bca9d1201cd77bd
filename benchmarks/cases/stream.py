"""Kafka to state: a plain Faust agent, a Quix Streams app and the worker, on one topic, taking turns.

The worker and the plain agent do the whole job: decode, keep state and counters in Valkey, send finished
conversations to Kafka. Quix decodes, and folds into state in its RocksDB. Peers that would take longer are
measured over their first 60 s of work (docs/decisions/0012).
"""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import redis

from benchmarks.report import Row, row
from benchmarks.stage import ROOT, Stage, event_count, rate, stage, start, stop

_PEER_LIMIT_S, _WORKER_LIMIT_S = 60.0, 600.0
_PEERS = ROOT / "benchmarks" / "peers"
Process = subprocess.Popen[bytes]


def run_cases(repetitions: int, cases: tuple[str, ...]) -> list[Row]:
    """Events a second of each case, with ratios to the plain agent if it ran."""
    rates: dict[str, list[float]] = {case: [] for case in cases}
    with stage() as servers:
        size = servers.fill(event_count())
        print(f"{event_count():,} events of {size:.0f} bytes on average", flush=True)
        for _ in range(repetitions):
            for case in cases:
                servers.forget()
                rates[case].append(_CASES[case](servers))
                print(f"{case}: {rates[case][-1]:,.0f} events/s", flush=True)
    base = ("plain-faust", rates["plain-faust"]) if "plain-faust" in rates else None
    return [
        row(case, "events/s", values, None if case == "plain-faust" else base)
        for case, values in rates.items()
    ]


def _workers(servers: Stage, count: int) -> float:
    run = uuid.uuid4().hex[:8] + "."
    processes = [servers.worker(run) for _ in range(count)]
    try:
        return rate(lambda: servers.committed(run), event_count(), processes, _WORKER_LIMIT_S)
    finally:
        for process in processes:
            stop(process)


def _worker(servers: Stage) -> float:
    return _workers(servers, 1)


def _two_workers(servers: Stage) -> float:
    return _workers(servers, 2)


def _plain_faust(servers: Stage) -> float:
    run = uuid.uuid4().hex[:8]
    process = start(
        [sys.executable, str(_PEERS / "plain_faust.py"), "worker", "-l", "error", "--without-web"],
        {**servers.environment(run), "BENCH_TOPIC": servers.topic},
        servers.folder / f"faust-{run}.log",
    )

    def progress() -> int:
        with redis.Redis.from_url(servers.valkey) as client:
            return int(client.get(f"{run}:events") or 0)

    return _measured(process, progress)


def _quix(servers: Stage) -> float:
    run, uv = uuid.uuid4().hex[:8], shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    done = servers.folder / f"quix-{run}.done"
    process = start(
        [uv, "run", "--script", "--frozen", str(_PEERS / "quix.py")],
        {
            **servers.environment(run), "BENCH_TOPIC": servers.topic, "BENCH_DONE": str(done),
            "BENCH_STATE": str(servers.folder / f"quix-{run}"),
        },
        servers.folder / f"quix-{run}.log",
    )  # fmt: skip
    return _measured(process, lambda: _number_in(done))


def _measured(process: Process, progress: Callable[[], int]) -> float:
    try:
        # Quix reports its progress at every hundredth event only.
        return rate(progress, event_count() // 100 * 100, [process], _PEER_LIMIT_S)
    finally:
        stop(process)


def _number_in(path: Path) -> int:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return int(text or 0)


_CASES: dict[str, Callable[[Stage], float]] = {
    "plain-faust": _plain_faust,
    "quix": _quix,
    "worker": _worker,
    "two-workers": _two_workers,
}
