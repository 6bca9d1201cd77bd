"""`plaudit top`: the live figures in the terminal."""

import time
from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.settings import add_arguments, load

WINDOWS = {"1m": 60, "5m": 300, "1h": 3600, "24h": 86_400}
_FIRST_S = 15.0


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--window", choices=WINDOWS, default="5m", help="over which the figures are; default 5m"
    )
    parser.add_argument("--once", action="store_true", help="print the figures once and exit")
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="how often to look; default 1"
    )
    parser.add_argument("--profile", default="production", help="whose alert limits: production or demo")
    add_arguments(parser, ConnectionSettings)


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors.worker.settings import WorkerSettings  # noqa: PLC0415  # loaded when used
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from plaudit_infra.terminal.screen import screen  # noqa: PLC0415
    from plaudit_infra.terminal.watch import Watch  # noqa: PLC0415

    watch = Watch(
        load(ConnectionSettings, arguments),
        profile=arguments.profile,
        window=WINDOWS[arguments.window],
        group=load(WorkerSettings).worker_group,
    )
    console = Console()
    try:
        state = watch.read(1.0)
        if arguments.once or not console.is_terminal:
            deadline = time.monotonic() + _FIRST_S
            while not state.snapshots and time.monotonic() < deadline:
                state = watch.read(1.0)
            if state.events is None and not state.snapshots:
                raise ServiceUnavailableError(
                    "Kafka does not answer, or has no topics of ours; check PLAUDIT_BOOTSTRAP_SERVERS, or "
                    "start `plaudit up` and `plaudit worker`"
                )
            console.print(screen(state))
            return OK
        with Live(screen(state), console=console, screen=True, auto_refresh=False) as live:
            while True:
                began = time.monotonic()
                live.update(screen(watch.read()), refresh=True)
                time.sleep(max(0.0, arguments.interval - (time.monotonic() - began)))
    finally:
        watch.close()


COMMAND = Command("top", "show the live figures in the terminal", configure, run)
