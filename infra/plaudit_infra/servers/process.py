"""One child process: started in a group of its own, known again by pid and start time, stopped for sure."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from plaudit_infra.servers.errors import ServerStartError

_PR_SET_PDEATHSIG = 1
_LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that no later one can be taken for: pids are used again, start times are not."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """The process, if it is still that one and no zombie."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.05
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    environ: Mapping[str, str] | None = None,
    dies_with_parent: bool = True,
) -> ProcessId:
    """Start a process whose output goes to `log`.

    With `dies_with_parent` the kernel (Linux) kills it when the thread that started it dies, so
    that not even a kill -9 of the parent leaves it behind.
    """
    prepare = _die_with_parent if dies_with_parent and sys.platform == "linux" else None
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environ or {})},
            preexec_fn=prepare,  # noqa: PLW1509  # one prctl call, no Python locks
        )
    _children[child.pid] = child
    return ProcessId(child.pid, psutil.Process(child.pid).create_time())


_children: dict[int, subprocess.Popen[bytes]] = {}


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process_id: ProcessId, *, timeout_s: float = 30.0, sig: signal.Signals = signal.SIGTERM) -> None:
    """Ask it to stop, wait, kill it if it does not; reaps it if it is our child."""
    process = process_id.find()
    if process is not None:
        process.send_signal(sig)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    child = _children.pop(process_id.pid, None)
    if child is not None:
        child.wait(10)


def wait_until(
    ready: Callable[[], bool], what: str, process_id: ProcessId, log: Path, timeout_s: float = 120.0
) -> None:
    """Wait for a condition while the process lives.

    Raises:
        ServerStartError: it died, or the time ran out; the text ends with the tail of its log.
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process_id.find() is None:
            raise ServerStartError(f"{what} ended while starting; its log {log} says: {log_tail(log)}")
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"{what} did not answer within {timeout_s:.0f} s; see {log}: {log_tail(log)}"
            )
        time.sleep(0.05)


def log_tail(log: Path) -> str:
    """The last lines of a log on one line."""
    try:
        return " | ".join(log.read_text(errors="replace")[-_LOG_TAIL:].splitlines()[-6:])
    except OSError:
        return "(no log)"


def free_port(wanted: int | None = None) -> int:
    """A free port of the loopback; the wanted one if nobody has it."""
    for port in (wanted, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerStartError("no free port on the loopback")
