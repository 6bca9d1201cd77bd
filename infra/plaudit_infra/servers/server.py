"""The base of all servers: a folder, ports that are kept across restarts, start, stop, kill and pause."""

import json
import os
import signal
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.process import (
    ProcessId,
    free_port,
    hold_port,
    is_free,
    spawn,
    stop,
    wait_until,
)

_ATTEMPTS = 3


class Server(ABC):
    """One server process on the loopback, with its data in a folder of its own.

    `start` waits until the server answers. A later `start` on the same folder finds the data, and takes the
    same ports if they are free. While this object lives, no other server is given its ports, so clients find
    a server again that was stopped and started. Not safe for threads.
    """

    name: str
    _environ: Mapping[str, str] = MappingProxyType({})

    def __init__(self, folder: Path, *, dies_with_parent: bool = True) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / f"{self.name}.log"
        self._dies_with_parent = dies_with_parent
        self._state_file = self.folder / f"{self.name}.json"
        self.ports: dict[str, int] = {}
        self._holds: dict[int, weakref.finalize[..., Server]] = {}
        self.process_id: ProcessId | None = None
        self.refresh()

    @property
    @abstractmethod
    def address(self) -> str:
        """The address that a client connects to."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers a client now."""

    @abstractmethod
    def _port_names(self) -> Sequence[str]: ...

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """Write the configuration, and return the command line."""

    def start(self, timeout_s: float = 120.0) -> None:
        """Start the server and wait until it answers. Does nothing if it runs already.

        If another program takes one of its ports at the same moment, it tries other ports.

        Raises:
            ServerStartError: the server did not start.
        """
        if self.is_running():
            return
        for attempt in range(_ATTEMPTS):
            self.launch()
            try:
                self.wait(timeout_s)
                break
            except ServerStartError:
                # All ports are free: another program was not the reason, so a new try would fail, too.
                if attempt == _ATTEMPTS - 1 or all(map(is_free, self.ports.values())):
                    raise

    def launch(self) -> None:
        """Start the process and return at once. Call `wait` next.

        Call it from a thread that lives on: with `dies_with_parent` the process dies with that thread.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reserve_ports()
        command = self._command()
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous.log"))
        self.process_id = spawn(
            command,
            self.log,
            folder=self.folder,
            environ=self._environ,
            dies_with_parent=self._dies_with_parent,
            record=self._record,
        )

    def reserve_ports(self) -> None:
        """Choose the ports: those of last time if they are free. `launch` calls it, too."""
        for name in self._port_names():
            others = {port for other, port in self.ports.items() if other != name}
            self.ports[name] = free_port(self.ports.get(name), others)
        for port in self._holds.keys() - set(self.ports.values()):
            self._holds.pop(port)()
        for port in set(self.ports.values()) - self._holds.keys():
            descriptor = hold_port(port)
            if descriptor is not None:
                self._holds[port] = weakref.finalize(self, os.close, descriptor)

    def wait(self, timeout_s: float = 120.0) -> None:
        """Wait until the server answers, and kill it if it does not.

        Raises:
            ServerStartError: the server did not start.
        """
        if self.process_id is None:
            raise ServerStartError(f"{self.name} was not launched")
        try:
            wait_until(self.answers, self.name, self.process_id, self.log, timeout_s)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server cleanly. Does nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process until `resume`."""
        if self.process_id is not None and (process := self.process_id.find()):
            process.suspend()

    def resume(self) -> None:
        """Let the process continue after `pause`."""
        if self.process_id is not None and (process := self.process_id.find()):
            process.resume()

    def is_running(self) -> bool:
        """Whether the process lives that this or another program started on this folder."""
        return self.process_id is not None and self.process_id.find() is not None

    def describe(self) -> dict[str, Any]:
        """Pid, ports and log, for the stack's state file."""
        pid = None if self.process_id is None else self.process_id.pid
        return {"pid": pid, "ports": self.ports, "log": str(self.log)}

    def _record(self, process_id: ProcessId) -> None:
        self.process_id = process_id
        self._write_state()

    def _end(self, sig: signal.Signals) -> None:
        if self.process_id is not None:
            stop(self.process_id, sig=sig)
            self.process_id = None
            self._write_state()

    def refresh(self) -> None:
        """Read from the state file what this or another program has started here."""
        self.process_id = None
        try:
            state: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8"))
            self.ports = {str(name): int(port) for name, port in state["ports"].items()}
            if state["pid"] is not None:
                self.process_id = ProcessId(int(state["pid"]), float(state["started"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # never started here, or a crash cut the file: new ports will be chosen
        if not self.is_running():
            self.process_id = None  # a stale pid

    def _write_state(self) -> None:
        process = self.process_id
        state = {
            "ports": self.ports,
            "pid": None if process is None else process.pid,
            "started": None if process is None else process.started,
        }
        aside = self._state_file.with_suffix(".new")  # then renamed: a reader never sees half of the file
        aside.write_text(json.dumps(state), encoding="utf-8")
        aside.replace(self._state_file)
