"""`plaudit demo`: the whole line on this machine, with traffic."""

import fcntl
import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plaudit_schemas.commands import USAGE, Command

from plaudit_infra.servers.errors import AlreadyRunningError, StackError
from plaudit_infra.servers.signals import taken_as_ctrl_c

DEFAULT_FOLDER = Path(".plaudit") / "demo"
_MARK = "demo.json"
_PIPED_S = 120.0  # nobody can press Ctrl-C when the output goes to a file
_SHIFT_S = 60.0  # when one model gets worse
_FEEDBACK = 0.15
_CONVERSATIONS = 400
_FOR = ("--application", "demo")


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Starts Kafka, Valkey, a worker, a sink, a gateway and the console on this machine, sends traffic "
        "and shows what becomes of it. Half-way one model gets worse, and its alert fires. Ctrl-C ends the "
        "demo and leaves no process running."
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help=f"keep all data here and go on from what is there; default: {DEFAULT_FOLDER}, emptied first",
    )
    parser.add_argument(
        "--replay", metavar="FILE", help="send this file's conversations instead of simulated ones"
    )
    parser.add_argument(
        "--consent",
        default="granted",
        metavar="WORD",
        help="the consent to training of replayed users, if the file has none; default granted, so that "
        "a snapshot has training rows",
    )
    parser.add_argument(
        "--format", metavar="F", help="the file's format; default: recognised, as by `plaudit replay`"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="use only N of the file's records, or N simulated chats"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"end after S seconds; default {_PIPED_S:.0f} if the output is no terminal, else never",
    )
    parser.add_argument(
        "--rate", type=float, default=100, metavar="N", help="simulated events a second; default 100"
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="send the input, wait until all of it is on disk, audit it, and end",
    )


@taken_as_ctrl_c()
def run(arguments: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415  # loaded when used

    from plaudit_infra.demo.run import Demo, run_demo  # noqa: PLC0415  # loads Kafka's client when used

    if arguments.format and not arguments.replay:
        print("plaudit: --format is the format of a file: name the file with --replay", file=sys.stderr)
        return USAGE
    console = Console()
    seconds = arguments.seconds
    if seconds is None and not console.is_terminal:
        seconds = _PIPED_S
    folder = Path(arguments.data) if arguments.data else _fresh(DEFAULT_FOLDER)
    return run_demo(Demo(folder, _traffic(arguments, seconds), seconds, arguments.once), console)


def _traffic(arguments: Namespace, seconds: float | None) -> tuple[str, ...]:
    """The sub-command that sends: a file's conversations, or simulated ones in which one model gets worse."""
    if arguments.replay:
        limit = ("--limit", str(arguments.limit)) if arguments.limit else ()
        form = ("--format", arguments.format) if arguments.format else ()
        file = str(Path(arguments.replay).resolve())
        return ("replay", file, *_FOR, "--consent", arguments.consent, *form, *limit)
    shown_s = min(seconds or _SHIFT_S * 2, _SHIFT_S * 2)
    shift = ("--shift-at", str(max(1.0, shown_s / 2)), "--shift", "aurora-2:0.1")
    rate = ("simulate", *_FOR, "--rate", str(arguments.rate), "--feedback", str(_FEEDBACK))
    if arguments.once:
        chats = str(arguments.limit or _CONVERSATIONS)
        return (*rate, "--open", "50", "--conversations", chats, "--shift-at", "0.5", *shift[2:])
    return (*rate, *shift)


def _fresh(folder: Path) -> Path:
    """Empty the demo's own folder and return it.

    Raises:
        StackError: no demo made the folder's content, or another demo runs in it.
    """
    mark = folder / _MARK  # only a folder with this file may be emptied
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise StackError(f"{folder.resolve()} is not a demo's folder; choose another with --data")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in ("lock", _MARK):  # the lock is held through this very file
                    path.unlink()
    except BlockingIOError:
        raise AlreadyRunningError(
            f"another demo runs in {folder.resolve()}; choose another with --data"
        ) from None
    except OSError as error:
        raise StackError(
            f"{folder} cannot be written ({error.strerror}); choose another with --data"
        ) from None
    return folder


COMMAND = Command("demo", "run the whole line on this machine, with traffic", configure, run)
