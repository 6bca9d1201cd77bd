"""What can happen to a line: each fault takes the line and a seeded generator, and says what it did."""

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import psutil
from plaudit_infra.demo.services import PlauditService
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_infra.servers.server import Server
from plaudit_infra.servers.valkey import ValkeyServer

from harness.waiting import eventually
from tests.support.line import wrong_clock

_HOUR_S: Final = 3600.0
_FILL: Final = 1 << 20  # bytes of a write that fills the disk


@dataclass(frozen=True, slots=True)
class Durations:
    """How long faults last, in seconds. They are the test's input, not waits for anything.

    Attributes:
        pause_s: a frozen process.
        member_s: between a worker's start and its end, and before the next one.
        shortage_s: a full disk, or a process without memory.
    """

    pause_s: float = 90.0
    member_s: float = 10.0
    shortage_s: float = 10.0


class Victims(Protocol):
    """What a fault may touch of a line."""

    folder: Path
    valkey: ValkeyServer
    victims: list[Server]
    supervisor: Supervisor
    durations: Durations

    def service(self, name: str, arguments: str) -> PlauditService:
        """A process of the line that is not yet started."""


Strike = Callable[[Victims, random.Random], str]


class Fault(NamedTuple):
    """A kind of fault. `possible` says whether this machine allows it."""

    name: str
    strike: Strike
    possible: Callable[[Path], bool] = lambda _folder: True


def kill(line: Victims, rng: random.Random) -> str:
    """Kill -9 one of the processes that run."""
    victim = rng.choice(_running(line))
    _signal(victim, signal.SIGKILL)
    return f"kill -9 {victim.name}"


def pause(line: Victims, rng: random.Random) -> str:
    """Freeze one process, as a stalled host does; the others must go on without it and with it again."""
    victim = rng.choice(_running(line))
    victim.pause()
    time.sleep(line.durations.pause_s)
    victim.resume()
    return f"{line.durations.pause_s:g} s of pause for {victim.name}"


def cut_log(line: Victims, rng: random.Random) -> str:
    """Kill Valkey and cut the end of its append-only file, as a power cut does."""
    server = _answering(line)
    files = sorted((server.folder / "appendonlydir").glob("*.incr.aof"))
    server.pause()  # nothing is written between the cut and the kill
    newest = files[-1]
    size = newest.stat().st_size
    cut = rng.randrange(1, max(2, min(size, 200_000)))
    os.truncate(newest, size - cut)
    _signal(server, signal.SIGKILL)
    return f"kill -9 valkey and {cut} of {size} bytes cut from its log"


def flush_all(line: Victims, _rng: random.Random) -> str:
    """Empty Valkey."""
    with _answering(line).client() as client:
        client.flushall()
    return "FLUSHALL"


def fill_disk(line: Victims, _rng: random.Random) -> str:
    """Fill the disk that all of the line writes to, for a while."""
    filling = line.folder / "filling"
    written = 0
    with filling.open("wb", buffering=0) as file:
        until = time.monotonic() + line.durations.shortage_s
        while time.monotonic() < until:  # again and again: processes that end give some room back
            try:
                written += file.write(bytes(_FILL))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                time.sleep(0.1)
    filling.unlink()
    return f"disk full for {line.durations.shortage_s:g} s, {written >> 20} MiB"


def come_and_go(line: Victims, rng: random.Random) -> str:
    """Let workers join and leave, so that partitions move while others still take over."""
    rounds = 3
    for number in range(rounds):
        name = f"worker-{rng.randrange(10**6)}-{number}"
        line.supervisor.add(line.service(name, "worker --web-port {port}"))
        time.sleep(line.durations.member_s)
        line.supervisor.retire(name)
        time.sleep(line.durations.member_s)
    return f"{rounds} workers came for {line.durations.member_s:g} s and left"


def no_memory(line: Victims, rng: random.Random) -> str:
    """Refuse one process of Python more memory for a while."""
    victim = rng.choice([server for server in _running(line) if isinstance(server, PlauditService)])
    process = None if victim.process_id is None else victim.process_id.find()
    if process is None:
        return f"{victim.name} had just ended"
    # The process may end meanwhile; its successor has no limit.
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        before = resource.prlimit(process.pid, resource.RLIMIT_AS)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (process.memory_info().vms, before[1]))
        time.sleep(line.durations.shortage_s)
        if process.is_running():
            resource.prlimit(process.pid, resource.RLIMIT_AS, before)
    return f"no more memory for {victim.name} for {line.durations.shortage_s:g} s"


def full_valkey(line: Victims, _rng: random.Random) -> str:
    """Let Valkey reach its `maxmemory` for a while; it refuses writes then."""
    with _answering(line).client() as client:
        client.config_set("maxmemory", "1mb")
        try:
            time.sleep(line.durations.shortage_s)
        finally:
            client.config_set("maxmemory", "0")
    return f"valkey at its maxmemory for {line.durations.shortage_s:g} s"


def wrong_hour(line: Victims, rng: random.Random) -> str:
    """Move one process to a host whose clock is an hour off, for good."""
    services = [server for server in line.victims if isinstance(server, PlauditService)]
    victim, ahead_s = rng.choice(services), rng.choice((-_HOUR_S, _HOUR_S))
    victim._environ = {**victim._environ, **wrong_clock(ahead_s)}
    if victim.is_running():
        _signal(victim, signal.SIGKILL)
    return f"the clock of {victim.name} is {ahead_s:+g} s off from now on"


KINDS: Final[Mapping[str, Fault]] = {
    fault.name: fault
    for fault in (
        Fault("kill", kill),
        Fault("pause", pause),
        Fault("cut-log", cut_log),
        Fault("flush", flush_all),
        Fault("disk-full", fill_disk, os.path.ismount),
        Fault("members", come_and_go),
        Fault("no-memory", no_memory),
        Fault("valkey-full", full_valkey),
        Fault("clock", wrong_hour),
    )
}
"""Every kind of fault, by its name."""


def plan(rng: random.Random, count: int, kinds: Sequence[str], folder: Path) -> list[Fault]:
    """`count` faults: each of the kinds that can happen here once, as far as there is room, else kills."""
    others = [KINDS[kind] for kind in kinds if kind != "kill" and KINDS[kind].possible(folder)]
    rng.shuffle(others)
    faults = others[:count]
    faults += [KINDS["kill"] if "kill" in kinds or not others else rng.choice(others)] * (count - len(faults))
    rng.shuffle(faults)
    return faults


@contextlib.contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[bool]:
    """Mount a disk of `size_mb` at a folder, if this machine allows it; yields whether it did."""
    mounted = os.geteuid() == 0 and _mount("-t", "tmpfs", "-o", f"size={size_mb}m", "plaudit", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=60)


def _mount(*arguments: str) -> bool:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False, timeout=60)
    except OSError:
        return False
    return done.returncode == 0


def _running(line: Victims) -> list[Server]:
    return [server for server in line.victims if server.is_running()]


def _answering(line: Victims) -> ValkeyServer:
    """Valkey; a fault before this one may have killed it a moment ago."""
    eventually(line.valkey.answers, "valkey answers")
    return line.valkey


def _signal(server: Server, number: signal.Signals) -> None:
    process = server.process_id
    if process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
