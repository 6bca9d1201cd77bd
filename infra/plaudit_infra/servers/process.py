"""One child process: started in a group of its own, known again by pid and start time, stopped for sure."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.signals import ENDING, handled_by

_PR_SET_PDEATHSIG = 1
_LOG_TAIL = 2000
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_GATE = 'read -r go && exec "$@" </dev/null'
_PORTS = range(20_000, 32_000)  # below the ephemeral ports, or a client that reconnects could take one


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that no later one can be taken for: pids are used again, start times are not.

    Attributes:
        started: seconds since boot where the system tells (Linux), else since the epoch.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """The process that has this pid now."""
        return cls(pid, _start_times(psutil.Process(pid))[0])

    def find(self) -> psutil.Process | None:
        """The process, if it is still that one and no zombie."""
        try:
            process = psutil.Process(self.pid)
            same = any(abs(started - self.started) < 0.05 for started in _start_times(process))
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.NoSuchProcess, OSError):
            return None


def _start_times(process: psutil.Process) -> list[float]:
    """When it started, the surest answer first: a step of the clock moves the time since the epoch."""
    times = [process.create_time()]
    if sys.platform == "linux":
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        times.insert(0, int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK"))
    return times


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    dies_with_parent: bool = True,
    record: Callable[[ProcessId], None] = lambda _process_id: None,
) -> ProcessId:
    """Start a process in `folder`, its output in `log`.

    It waits at a gate until `record` has returned, so that a parent killed at any moment leaves
    either no process or one that is recorded. With `dies_with_parent` the kernel (Linux) kills it
    when the thread that started it dies, so that not even a kill -9 of the parent leaves it behind.
    """
    prepare = _die_with_parent if dies_with_parent and _LIBC is not None else None
    with log.open("ab") as output, _signals_held_back():
        child = subprocess.Popen(
            ["/bin/sh", "-c", _GATE, "sh", *(str(part) for part in command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            preexec_fn=prepare,  # noqa: PLW1509  # one prctl call, no Python locks
        )
    _children[child.pid] = child
    assert child.stdin is not None  # noqa: S101  # a pipe was asked for
    with contextlib.suppress(BrokenPipeError), child.stdin as gate:
        process_id = ProcessId.of(child.pid)
        record(process_id)
        gate.write(b"go\n")
    return process_id


_children: dict[int, subprocess.Popen[bytes]] = {}


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Take what would end this process after the block: Python drops what its hooks of a fork raise.

    A Ctrl-C within them would be lost, and could leave a lock of the logging taken.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main one
        yield
        return
    # What is ignored stays so: the child inherits that.
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    arrived: list[int] = []
    try:
        with handled_by(lambda number, _: arrived.append(number), taken):
            yield
    finally:
        for number in arrived:
            signal.raise_signal(number)


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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


def exit_code(process_id: ProcessId) -> int | None:
    """The exit code of a child of ours, negative for a signal; None while it runs or is unknown."""
    child = _children.get(process_id.pid)
    return None if child is None else child.poll()


def ended_how(process_id: ProcessId) -> str:
    """How a child of ours ended, in words; waits for its last threads."""
    child = _children.get(process_id.pid)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)  # it is a zombie before the last of a Java's threads is gone
    code = exit_code(process_id)
    if code is None:
        return "ended"
    return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"


def wait_until(
    ready: Callable[[], bool], what: str, process_id: ProcessId, log: Path, timeout_s: float = 120.0
) -> None:
    """Wait for a condition while the process lives.

    Raises:
        ServerStartError: it died, or the time ran out; the text ends with the tail of its log.
    """
    deadline = time.monotonic() + timeout_s
    while not ready() or process_id.find() is None:
        if process_id.find() is None:
            raise ServerStartError(f"{what} ended while starting; its log {log} says: {log_tail(log)}")
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"{what} did not answer within {timeout_s:.0f} s; see {log}: {log_tail(log)}"
            )
        time.sleep(0.05)


def log_tail(log: Path) -> str:
    """The last lines of a log on one line, a Java stack trace without its frames."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    telling = [line for line in lines if line.strip() and not line.startswith(("\tat ", "\t... "))]
    return " | ".join(telling[-6:])[-_LOG_TAIL:]


def free_port(wanted: int | None = None, taken: Container[int] = ()) -> int:
    """A free port of the loopback; the wanted one if nobody has it; none of the taken ones."""
    some = random.SystemRandom().sample(_PORTS, 200)
    for port in some if wanted is None else [wanted, *some]:
        if port not in taken and is_free(port):
            return port
    raise ServerStartError("no free port on the loopback")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Whether anybody accepts connections on this port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
