"""`plaudit top`: shows the live figures in the terminal."""

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Final

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.dashboard.settings import DashboardSettings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from plaudit_consumers.dashboard.monitor import LineMonitor

WINDOWS: Final = {"1m": 60, "5m": 300, "1h": 3600, "24h": 86_400}
_FIRST_S: Final = 15.0
"""How long to wait for the first figures before giving up."""
_WHOLE_S: Final = 30.0
"""How long to wait until a round of figures is complete: a round is known to be, once the next one begins."""


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--window", choices=WINDOWS, default="5m", help="the window of the figures; default 5m"
    )
    parser.add_argument("--once", action="store_true", help="print the figures once and exit")
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds between updates; default 1"
    )
    parser.add_argument(
        "--profile",
        help="profile of the alert limits: production or demo; default: that of the running line "
        "[PLAUDIT_DASHBOARD_PROFILE]",
    )
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def run(arguments: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415  # loaded when used
    from rich.live import Live  # noqa: PLC0415

    from plaudit_consumers.dashboard.monitor import LineMonitor  # noqa: PLC0415
    from plaudit_consumers.dashboard.terminal import screen, state_of  # noqa: PLC0415

    shown_by = load(DashboardSettings)  # a demo says in its data folder which limits it has
    monitor = LineMonitor(
        load(ConnectionSettings, arguments),
        profile=arguments.profile or shown_by.dashboard_profile,
        group=shown_by.dashboard_worker_group,
    )
    console, window = Console(), WINDOWS[arguments.window]

    def shown() -> "RenderableType":
        monitor.poll()
        return screen(state_of(monitor, window))

    try:
        # A pipe or a log file cannot be redrawn, so it gets one screen as with --once.
        if arguments.once or not console.is_terminal:
            wait_for_figures(monitor)
            console.print(screen(state_of(monitor, window)))
            return OK
        with Live(shown(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                began = time.monotonic()
                live.update(shown(), refresh=True)
                # `poll` blocks for a while itself: only the rest of the interval is slept.
                time.sleep(max(0.0, arguments.interval - (time.monotonic() - began)))
    finally:
        monitor.close()


def wait_for_figures(monitor: "LineMonitor") -> None:
    """Poll until a whole round of figures is known, or none is to be expected.

    Raises:
        ServiceUnavailableError: there are no figures, and nothing else is known of Kafka.
    """
    began = time.monotonic()
    monitor.poll(1.0)
    while not monitor.is_complete:
        if time.monotonic() - began > (_WHOLE_S if monitor.history.current() else _FIRST_S):
            break
        monitor.poll(1.0)
    if monitor.lag is None and not monitor.history.current():
        raise ServiceUnavailableError(
            "Kafka does not answer, or has no Plaudit topics; check PLAUDIT_BOOTSTRAP_SERVERS, or start "
            "`plaudit up` and `plaudit worker`"
        )


COMMAND = Command("top", "show the live figures in the terminal", configure, run)
