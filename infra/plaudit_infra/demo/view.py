"""The demo's view: the state of the line on a terminal, drawn again and again."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.terminal import TerminalState, screen, state_of
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.worker.settings import WorkerSettings
from rich.console import Console
from rich.live import Live

from plaudit_infra.demo.line import DemoLine
from plaudit_infra.demo.progress import Progress
from plaudit_infra.demo.scoring import Scoring
from plaudit_infra.servers.errors import ServerStartError

_WINDOW_S = 60
_LINES_EVERY_S = 10.0


class DemoExtra(Protocol):
    """What the demo has beside its line."""

    def start(self) -> None:
        """Start it, once the line is ready."""

    def lines(self) -> list[str]:
        """What the view says of it."""


class View:
    """Redraws the state on a terminal. Without a terminal it prints the state now and then."""

    def __init__(
        self,
        line: DemoLine,
        connection: ConnectionSettings,
        console: Console,
        live: Live | None,
        scoring: Scoring | None,
        extras: Sequence[DemoExtra],
    ) -> None:
        self._line, self._console, self._live = line, console, live
        self._scoring, self._extras = scoring, extras
        group = load(WorkerSettings).worker_group
        self._monitor = LineMonitor(connection, profile="demo", group=group)
        self._monitor.line_expected = False
        self.progress = Progress(connection, line.output)
        self._printed = -_LINES_EVERY_S
        self._news: tuple[int, tuple[str, ...]] = (0, ())
        self.state = TerminalState(window=_WINDOW_S)

    def ready(self) -> bool:
        """Whether every process is ready."""
        return self._line.supervisor is not None and self._line.supervisor.ready()

    def refresh(self) -> None:
        """Look at everything once and show it. Takes about a second."""
        supervisor = self._line.supervisor
        assert supervisor is not None  # noqa: S101  # the line was started
        if supervisor.failure is not None:
            raise supervisor.failure  # its thread has ended, and nothing restarts processes any more
        self._monitor.line_expected |= self.ready()
        self._monitor.poll(0.3)
        rows = self.progress.rows()
        self.state = replace(
            state_of(self._monitor, _WINDOW_S),
            open_conversations=self.progress.open_conversations(),
            rows=rows,
            services=supervisor.lines(),
            notes=supervisor.notes(),
            addresses=[
                f"console    {self._line.console}",
                f"key        {self._line.admin_key}",  # a line that is wrapped cannot be copied
                "           (the link signs you in once; the key does so again)",
                *(text for extra in self._extras for text in extra.lines()),
                f"logs       {self._line.folder}",
                f"join       export PLAUDIT_DATA={self._line.folder}",
                f"           export PLAUDIT_REVIEW_SALT=$(cat {self._line.salt})",
                *(self._scoring.lines() if self._scoring else ()),
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
        if not self.wait(done, within_s):
            raise ServerStartError(f"{otherwise} after {within_s:.0f} s; see the logs in {self._line.folder}")

    def wait(self, done: Callable[[], bool], within_s: float) -> bool:
        """Show the state until `done` returns True. Returns False if it does not within `within_s`."""
        deadline = time.monotonic() + within_s
        while not done():
            if time.monotonic() > deadline:
                return False
            self.refresh()
        return True

    def close(self) -> None:
        """Close the connections to the servers."""
        self._monitor.close()
        self.progress.close()


@contextlib.contextmanager
def shown(
    line: DemoLine,
    connection: ConnectionSettings,
    console: Console,
    scoring: Scoring | None,
    extras: Sequence[DemoExtra],
) -> Iterator[View]:
    """Show the line until the block ends."""
    with contextlib.ExitStack() as stack:
        live = None
        if console.is_terminal:
            live = stack.enter_context(Live(console=console, auto_refresh=False))
        view = View(line, connection, console, live, scoring, extras)
        stack.callback(view.close)
        yield view
