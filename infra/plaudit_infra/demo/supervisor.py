"""Keeps processes running: starts again what has ended, and notes it."""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from plaudit_consumers.dashboard.terminal import ServiceLine

from plaudit_infra.servers.process import ended_how, is_free
from plaudit_infra.servers.server import Server

_PAUSES_S = (0.0, 1.0, 2.0, 5.0)  # before a restart, by the number of crashes in a row
_FORGIVEN_AFTER_S = 30.0  # a process that ran for longer did not crash in a row
_LOOK_AGAIN_S = 2.0
_PASSING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
)  # what a host lacks now may be there later
_NOTES = 6  # the latest ones, for the view


class Supervised:
    """One process and its state. Only the supervisor's thread changes it; other threads may read it."""

    def __init__(self, server: Server, *, started: bool) -> None:
        self.server = server
        self.restarts = 0
        self.retired = False
        self.ready = started
        self.launched = started
        self._crashes = 0
        self._launched_at = self._wait_until = self._looked_at = 0.0

    def launch(self, now: float) -> bool:
        """Start it, unless it must wait: after crashes in a row, or for its ports to be free."""
        ports = self.server.ports.values()
        if now < self._wait_until or (self.launched and not all(map(is_free, ports))):
            return False
        self.server.launch()
        self.launched, self.ready, self._launched_at = True, False, now
        return True

    def due(self, now: float) -> bool:
        """Whether to ask again if it is ready: always while it starts, every `_LOOK_AGAIN_S` afterwards."""
        if self.ready and now - self._looked_at < _LOOK_AGAIN_S:
            return False
        self._looked_at = now
        return True

    def ended(self, now: float) -> None:
        """The process has ended: plan its restart. The pause grows with crashes in a row."""
        self._crashes = 0 if now - self._launched_at > _FORGIVEN_AFTER_S else self._crashes + 1
        self._wait_until = now + _PAUSES_S[min(self._crashes, len(_PAUSES_S) - 1)]
        self.ready = False

    def line(self) -> ServiceLine:
        """Its line in the view."""
        what = "ready" if self.ready else "stopped" if self.retired else "not ready"
        return ServiceLine(self.server.name, self.ready or self.retired, what, self.restarts)


class Supervisor:
    """Starts processes in order, starts those that end again, and stops all of them at the end.

    It works in a thread of its own, which lives until the last process has ended. The kernel kills a process
    when the thread that started it dies.
    """

    def __init__(
        self,
        running: Sequence[Server],
        to_start: Sequence[Server],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = [Supervised(server, started=True) for server in running]
        self._services += [Supervised(server, started=False) for server in to_start]
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self.told = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread. Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop every process, the last one first, and wait until all have ended."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def add(self, server: Server) -> None:
        """Start and keep one more process. Returns at once."""
        self._services.append(Supervised(server, started=False))

    def retire(self, name: str) -> None:
        """Stop one process for good, cleanly. Returns at once; `gone` says when it has ended."""
        for service in self._services:
            if service.server.name == name:
                service.retired = True

    def gone(self, name: str) -> bool:
        """Whether a retired process has ended."""
        return any(s.retired and not s.server.is_running() for s in self._services if s.server.name == name)

    def ready(self) -> bool:
        """Whether everything that is not retired is ready."""
        return all(service.ready or service.retired for service in self._services)

    def is_ready(self, name: str) -> bool:
        """Whether one process is ready."""
        return any(service.ready for service in self._services if service.server.name == name)

    def lines(self) -> list[ServiceLine]:
        """A line of the view for every process."""
        return [service.line() for service in self._services]

    def notes(self) -> list[str]:
        """The latest notes, oldest first."""
        return list(self._notes)

    def restarts(self) -> int:
        """How often any process was started again."""
        return sum(service.restarts for service in self._services)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for service in tuple(self._services):  # another thread may add one
                    self._look_at(service)
                self._stop.wait(0.2)
        except BaseException as error:  # the main thread raises it
            self.failure = error
        finally:
            for service in reversed(self._services):
                service.server.stop()

    def _look_at(self, service: Supervised) -> None:
        server, now = service.server, self._clock()
        if service.retired:
            if server.is_running():
                server.stop()
                service.ready = False
                self.add_note(f"{server.name} stopped")
        elif server.is_running():
            if service.due(now) and server.answers() != service.ready:
                service.ready = not service.ready
                self.add_note(f"{server.name} is {'' if service.ready else 'not '}ready")
        elif service.launched and server.process_id is not None:
            self.add_note(f"{server.name} {ended_how(server.process_id)}; starting it again")
            server.process_id = None
            service.restarts += 1
            service.ended(now)
        else:
            self._launch(service, now)

    def _launch(self, service: Supervised, now: float) -> None:
        try:
            service.launch(now)
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            service.ended(now)
            self.add_note(f"{service.server.name} cannot be started: {error.strerror}")

    def add_note(self, text: str) -> None:
        """Add a note with the time."""
        self.told += 1
        self._notes.append(f"{time.strftime('%H:%M:%S')} {text}")
