"""One child process: started in its own session, recognised by pid and start time, and surely stopped."""

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
# The child starts the command only after a line on stdin. If the parent dies before, `read` fails.
_GATE = 'read -r go && exec "$@" </dev/null'
# Below the ephemeral ports: a client that reconnects could be given one of those as its own port.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Identifies a process for good: a pid may be reused, but not with the same start time.

    Attributes:
        started: seconds since boot on Linux, since the epoch elsewhere.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """The process that has this pid now."""
        return cls(pid, _start_times(psutil.Process(pid))[0])

    def find(self) -> psutil.Process | None:
        """The process, or None if it has ended. A zombie has ended."""
        try:
            process = psutil.Process(self.pid)
            # Start times come in clock ticks and as floats: equal ones may differ a little.
            same = any(abs(started - self.started) < 0.05 for started in _start_times(process))
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.NoSuchProcess, OSError):
            return None


def _start_times(process: psutil.Process) -> list[float]:
    """When a process started. Seconds since boot come first: a change of the clock does not move them."""
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
    """Start a process in `folder` with its output in `log`.

    The process waits at a gate until `record` has returned. So if the parent is killed at any moment, it
    leaves no process or one that is recorded. With `dies_with_parent` the kernel (Linux only) kills the
    process when the thread that started it dies. So not even `kill -9` of the parent leaves it behind.
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
    """Hold back the signals that would end this process until the block has ended.

    Python runs hooks around a fork and drops exceptions that they raise. A Ctrl-C in such a hook would be
    lost, and could leave a lock of the logging module taken.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread runs handlers
        yield
        return
    # Ignored signals stay ignored, because the child inherits that.
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
    """Ask a process to stop, wait, and kill it if it does not. Reaps it if it is our child."""
    process = process_id.find()
    if process is not None:
        process.send_signal(sig)
        process.send_signal(signal.SIGCONT)  # a paused process gets the signal only when it continues
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    child = _children.pop(process_id.pid, None)
    if child is not None:
        child.wait(10)


def exit_code(process_id: ProcessId) -> int | None:
    """The exit code of our child, negative for a signal; None while it runs, or if it is no child of ours."""
    child = _children.get(process_id.pid)
    return None if child is None else child.poll()


def ended_how(process_id: ProcessId) -> str:
    """How our child ended, in words. Waits for its last threads."""
    child = _children.get(process_id.pid)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)  # Java's main thread is a zombie while other threads still end
    code = exit_code(process_id)
    if code is None:
        return "ended"
    return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"


def wait_until(
    ready: Callable[[], bool], what: str, process_id: ProcessId, log: Path, timeout_s: float = 120.0
) -> None:
    """Wait until `ready` returns True, as long as the process lives.

    Raises:
        ServerStartError: the process died, or the time ran out. The text ends with the tail of its log.
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
    """The last lines of a log on one line. A Java stack trace comes without its frames."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    telling = [line for line in lines if line.strip() and not line.startswith(("\tat ", "\t... "))]
    return " | ".join(telling[-6:])[-_LOG_TAIL:]


def free_port(wanted: int | None = None, taken: Container[int] = ()) -> int:
    """A free port of the loopback that is not in `taken`: the wanted one if it is free.

    No other port that this or another process holds is returned (`hold_port`).
    """
    if wanted is not None and wanted not in taken and is_free(wanted):
        return wanted
    for port in random.SystemRandom().sample(_PORTS, min(200, len(_PORTS))):
        if port not in taken and _can_bind(port, reuse=False):
            return port
    raise ServerStartError("no free port on the loopback")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    return _can_bind(port, reuse=True)


def hold_port(port: int) -> int | None:
    """Keep `free_port` of every process from choosing this port, also while nobody listens on it.

    A server can listen on it all the same. Nobody can connect to it in the meantime.

    Returns:
        The descriptor to close when the port is no longer needed; None if a server listens there already.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            return None
        return holder.detach()


def _can_bind(port: int, *, reuse: bool) -> bool:
    with socket.socket() as probe:
        # As servers do: so a port can be bound whose last connections are in TIME_WAIT, and one that is held.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Whether a process accepts connections on this port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
