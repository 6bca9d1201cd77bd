"""Runs the demo: starts the line, sends traffic, shows it, and stops every process at the end."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.terminal import TerminalState, screen, state_of
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.worker.settings import WorkerSettings
from rich.console import Console
from rich.live import Live

from plaudit_infra.demo.line import FINITE, LIVE, DemoLine
from plaudit_infra.demo.progress import Progress
from plaudit_infra.demo.summary import DemoOutcome, summary
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.process import log_tail
from plaudit_infra.servers.signals import ignore_ending

_READY_S, _FINISH_S = 180.0, 600.0
_WINDOW_S = 60
_LINES_EVERY_S = 10.0
NOT_BALANCED = "NOT balanced"


@dataclass(frozen=True, slots=True)
class Demo:
    """What to run.

    Attributes:
        traffic: the sub-command that sends the traffic, with its arguments.
        seconds: how long to show it; None shows it until Ctrl-C. Not used with `once`.
        once: send the traffic, wait until all of it is on disk, audit it, and end.
    """

    folder: Path
    traffic: tuple[str, ...]
    seconds: float | None
    once: bool


def run_demo(demo: Demo, console: Console) -> int:
    """Run the demo and return the exit code. Ctrl-C in the live view is a normal end.

    Raises:
        PlauditError: a process did not start, or the traffic could not be sent.
    """
    line = DemoLine(demo.folder, FINITE if demo.once else LIVE)
    try:
        connection = line.start(lambda text: console.print(f"plaudit: {text}", highlight=False))
        with _shown(line, connection, console) as view:
            view.until(view.ready, _READY_S, "the line is not ready")
            line.start_traffic(demo.traffic)
            view.add_note("traffic starts")
            began = time.monotonic()
            if demo.once:
                outcome = _finish(line, view, began)
            else:
                _look(line, view, demo.seconds)
                outcome = None
        if outcome is None:
            console.print(f"the data is in {line.output}; the logs are in {line.folder}")
            return 0
        console.print(summary(outcome, line.output), markup=False, highlight=False, soft_wrap=True)
        return 1 if outcome.audit.startswith(NOT_BALANCED) else 0
    finally:
        ignore_ending()
        line.stop()


class View:
    """Redraws the state on a terminal. Without a terminal it prints the state now and then."""

    def __init__(
        self, line: DemoLine, connection: ConnectionSettings, console: Console, live: Live | None
    ) -> None:
        self._line, self._console, self._live = line, console, live
        group = load(WorkerSettings).worker_group
        self._monitor = LineMonitor(connection, profile="demo", group=group)
        self.progress = Progress(connection, line.output)
        self._printed = -_LINES_EVERY_S
        self._news: tuple[int, tuple[str, ...]] = (0, ())
        self.state = TerminalState(window=_WINDOW_S)

    def ready(self) -> bool:
        """Whether every process is ready."""
        return self._line.supervisor is not None and self._line.supervisor.ready()

    def add_note(self, text: str) -> None:
        """Add a line to the notes that the view shows."""
        if self._line.supervisor is not None:
            self._line.supervisor.add_note(text)

    def refresh(self) -> None:
        """Look at everything once and show it. Takes about a second."""
        supervisor = self._line.supervisor
        assert supervisor is not None  # noqa: S101  # the line was started
        if supervisor.failure is not None:
            raise supervisor.failure  # its thread has ended, and nothing restarts processes any more
        self._monitor.poll(0.3)
        self.state = replace(
            state_of(self._monitor, _WINDOW_S),
            open_conversations=self.progress.open_conversations(),
            rows=self.progress.rows(),
            services=supervisor.lines(),
            notes=supervisor.notes(),
            addresses=[
                f"console    {self._line.console}",
                f"key        {self._line.admin_key} (signs you in there)",
                f"logs       {self._line.folder}",
                f"join       export PLAUDIT_DATA={self._line.folder}",
            ],
        )
        if self._live is not None:
            self._live.update(screen(self.state, "Plaudit demo"), refresh=True)
        else:
            self._print(supervisor.told)
        time.sleep(0.5)

    def _print(self, told: int) -> None:
        """Print the state every `_LINES_EVERY_S`, and at once when a note or an alert is new."""
        news = (told, tuple(active.condition.alert for active in self.state.alerts))
        if time.monotonic() - self._printed >= _LINES_EVERY_S or news != self._news:
            self._printed, self._news = time.monotonic(), news
            self._console.print(screen(self.state, f"Plaudit demo {time.strftime('%H:%M:%S')}"))

    def until(self, done: Callable[[], bool], within_s: float, otherwise: str) -> None:
        """Show the state until `done` returns True. `otherwise` says what is wrong if it does not.

        Raises:
            ServerStartError: `done` did not return True within `within_s`.
        """
        deadline = time.monotonic() + within_s
        while not done():
            if time.monotonic() > deadline:
                raise ServerStartError(
                    f"{otherwise} after {within_s:.0f} s; see the logs in {self._line.folder}"
                )
            self.refresh()

    def close(self) -> None:
        """Close the connections to the servers."""
        self._monitor.close()
        self.progress.close()


@contextlib.contextmanager
def _shown(line: DemoLine, connection: ConnectionSettings, console: Console) -> Iterator[View]:
    with contextlib.ExitStack() as stack:
        live = None
        if console.is_terminal:
            live = stack.enter_context(Live(console=console, auto_refresh=False))
        view = View(line, connection, console, live)
        stack.callback(view.close)
        yield view


def _look(line: DemoLine, view: View, seconds: float | None) -> None:
    deadline = None if seconds is None else time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        while deadline is None or time.monotonic() < deadline:
            view.refresh()
            _sending(line, view)


def _sending(line: DemoLine, view: View) -> bool:
    """Whether traffic is still being sent. Starts a sender that was killed again, and notes that.

    Raises:
        ServerStartError: the sender failed by itself.
    """
    if line.sending():
        return True
    how = line.restart_traffic()
    if how is not None:
        view.add_note(f"traffic {how}; starting it again")
    elif not line.sent_well():
        raise ServerStartError(f"the traffic could not be sent: {log_tail(line.traffic_log)}")
    return how is not None


def _finish(line: DemoLine, view: View, began: float) -> DemoOutcome:
    view.until(lambda: not _sending(line, view), _FINISH_S, "the traffic was not sent")
    view.until(view.progress.folded, _FINISH_S, "not everything was folded")
    view.until(lambda: view.progress.open_conversations() == 0, _FINISH_S, "conversations stayed open")
    # Once more: idle conversations were ended by new events.
    view.until(view.progress.folded, _FINISH_S, "not everything was folded")
    folded = time.monotonic() - began
    supervisor = line.supervisor
    assert supervisor is not None  # noqa: S101  # the line was started
    # This sink writes what it has read and stops. The next one reads to the end of the topic.
    supervisor.retire("sink")
    view.until(lambda: supervisor.gone("sink"), _FINISH_S, "the sink did not stop")
    _write_the_rest(line)
    on_disk = time.monotonic() - began
    view.refresh()
    first = view.progress.first_row_at
    return DemoOutcome(
        events=view.state.events or 0,
        rows=view.progress.rows(),
        first_row_s=None if first is None else first - began,
        folded_s=folded,
        on_disk_s=on_disk,
        audit=_audit(line),
        restarts=supervisor.restarts(),
    )


def _plaudit(line: DemoLine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "plaudit_infra.main", *arguments]
    return subprocess.run(command, env=line.environ, capture_output=True, text=True, check=False)


def _write_the_rest(line: DemoLine) -> None:
    done = _plaudit(line, "sink", "--once", "--without-web", "--output", str(line.output))
    if done.returncode:
        raise ServerStartError(f"the sink could not write the rest: {done.stderr.strip()[-500:]}")


def _audit(line: DemoLine) -> str:
    done = _plaudit(line, "audit", "--wait", "30", "--output", str(line.output))
    if done.returncode == 0:
        return "balanced: every event is folded and on disk, or refused with a reason"
    return f"{NOT_BALANCED}: {(done.stdout + done.stderr).strip()}"
