"""The cases that need servers: the whole worker and its Valkey, beside a bare loop on the same events."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice

from benchmarks.measuring import processor_seconds
from benchmarks.smoke.turns import Turn
from benchmarks.stage import ROOT, Stage, stage, stop
from harness.events import events
from harness.waiting import eventually

_AT_ONCE = 10**9  # events a second
_CHAT_EVENTS = 20  # more than a chat has, so that from the second turn on as many end as begin
_LOOP = ROOT / "benchmarks" / "peers" / "bare_loop.py"
Process = subprocess.Popen[bytes]


def whole_worker(turns: int, size: int = 20_000) -> dict[str, list[Turn]]:
    """Measure the worker and its Valkey, each beside the bare loop.

    Both processes run all the time, so that their start does not count: the first turn, which does not count
    either, waits for it. `size` events come, the worker folds them, then the loop fetches and decodes them.

    Returns:
        The turns of the cases `worker` and `worker's Valkey`, in seconds of processor time.

    Raises:
        RuntimeError: the worker or the loop ended. AssertionError if the worker stands still.
    """
    found: dict[str, list[Turn]] = {"worker": [], "worker's Valkey": []}
    count = (turns + 1) * size
    made = events(count, open_conversations=size // _CHAT_EVENTS, start_us=time.time_ns() // 1000)
    with stage() as servers, _running(servers) as (run, worker, loop):
        for due in range(size, count + 1, size):
            batch = list(islice(made, size))
            pids = {"worker": worker.pid, "worker's Valkey": servers.pids["Valkey"]}
            before = {case: processor_seconds(pid) for case, pid in pids.items()}
            servers.send_at_rate(batch, _AT_ONCE)
            eventually(partial(_has_folded, servers, run, worker, due), f"the worker folds {due:,} events")
            spent = {case: processor_seconds(pid) - before[case] for case, pid in pids.items()}
            bare = _fetched(loop, due)
            for case, seconds in spent.items():
                found[case].append(Turn(bare, seconds))
    return {case: measured[1:] for case, measured in found.items()}


def _has_folded(servers: Stage, run: str, worker: Process, count: int) -> bool:
    if worker.poll() is not None:
        log = next(servers.folder.glob(f"{run}*.log")).read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the worker ended before its work was done; its log ends with\n{log[-2000:]}")
    return servers.committed(run) >= count


@contextmanager
def _running(servers: Stage) -> Iterator[tuple[str, Process, Process]]:
    """A worker, with the name of its run, and the loop."""
    run = uuid.uuid4().hex[:8]
    worker = servers.worker(run)
    environment = {**servers.environment(run), "BENCH_TOPIC": servers.topic}
    loop = subprocess.Popen(
        [sys.executable, str(_LOOP)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield run, worker, loop
    finally:
        stop(loop)
        stop(worker)


def _fetched(loop: Process, count: int) -> float:
    """Let the loop go on until it has had `count` events in all. Returns its seconds of processor time."""
    assert loop.stdin
    assert loop.stdout
    loop.stdin.write(f"{count}\n".encode())
    loop.stdin.flush()
    line = loop.stdout.readline()
    if not line:
        raise RuntimeError("the bare loop ended before its work was done; its error is above")
    return float(line)
