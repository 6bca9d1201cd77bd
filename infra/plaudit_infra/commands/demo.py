"""`plaudit demo`: the whole line on this machine, with traffic."""

import fcntl
import os
import shutil
import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from plaudit_schemas.commands import USAGE, Command

from plaudit_infra.servers.errors import AlreadyRunningError, StackError
from plaudit_infra.servers.private import make_private, private_files
from plaudit_infra.servers.signals import taken_as_ctrl_c

if TYPE_CHECKING:
    from plaudit_infra.demo.traffic import Traffic

DEFAULT_FOLDER = Path(".plaudit") / "demo"
_MARK = "demo.json"
_PIPED_S = 180.0  # nobody can press Ctrl-C when the output goes to a file; a minute of it has scores


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Starts Kafka, Valkey, a worker, a sink, a gateway, the console and a page to chat on this machine, "
        "sends traffic and shows what becomes of it. Half-way one model gets worse, and its alert fires. A "
        "scorer is trained from the first votes and scores the answers that come then. Without --once some "
        "answers wait for your review in the console. Ctrl-C ends the demo and leaves no process running."
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
    parser.add_argument(
        "--chat",
        action=BooleanOptionalAction,
        help="serve a page where you chat yourself; what you say and judge there joins the traffic. Default: "
        "without --once",
    )
    parser.add_argument(
        "--chat-models",
        metavar="FILE",
        help="the models that the page offers, as for `plaudit chat`; default: PLAUDIT_CHAT_MODELS, or "
        "a built-in responder",
    )
    parser.add_argument(
        "--score",
        action=BooleanOptionalAction,
        help="train a scorer from the votes, publish it, and let it score what comes afterwards; with --once "
        "it is trained on the first half of the input and scores the second. Default: for simulated chats "
        "without --once",
    )


@private_files()
@taken_as_ctrl_c()
def run(arguments: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415  # loaded when used

    from plaudit_infra.demo.run import Demo, run_demo  # noqa: PLC0415  # loads Kafka's client when used

    wrong = _wrong(arguments)
    if wrong:
        print(f"plaudit: {wrong}", file=sys.stderr)
        return USAGE
    console = Console()
    seconds = arguments.seconds
    if seconds is None and not console.is_terminal:
        seconds = _PIPED_S
    # What a file holds arrives within seconds: no answers come afterwards.
    usual = not (arguments.once or arguments.replay)
    score = usual if arguments.score is None else arguments.score
    traffic = _traffic(arguments, seconds, halves=arguments.once and score)
    folder = Path(arguments.data) if arguments.data else _fresh(DEFAULT_FOLDER)
    chat = not arguments.once if arguments.chat is None else arguments.chat
    models = models_of_the_page(arguments.chat_models)
    return run_demo(Demo(folder, traffic, seconds, arguments.once, score, chat, models), console)


def models_of_the_page(given: str | None) -> Path | None:
    """The models file of the chat page, from the option or the environment; None if there is none."""
    path = given or os.environ.get("PLAUDIT_CHAT_MODELS")
    return Path(path) if path else None


def _wrong(arguments: Namespace) -> str | None:
    """What is wrong with the arguments together."""
    if arguments.format and not arguments.replay:
        return "--format is the format of a file: name the file with --replay"
    if arguments.score and arguments.replay and not arguments.once:
        return "--score on a file trains on its first half and scores the second: add --once"
    if arguments.once and (arguments.chat or arguments.chat_models):
        return "--once ends by itself, and nobody could chat: leave it out, or --chat and --chat-models"
    if arguments.chat is False and arguments.chat_models:
        return "--chat-models names models of the chat page: leave out --no-chat"
    return None


def _traffic(arguments: Namespace, seconds: float | None, *, halves: bool) -> "Traffic":
    from plaudit_infra.demo import traffic  # noqa: PLC0415  # loads the importers when used

    if arguments.replay:
        file = traffic.ReplayedFile(
            Path(arguments.replay), arguments.format, arguments.consent, arguments.limit
        )
        return traffic.replayed(file, halves=halves)
    if arguments.once:
        return traffic.simulated_once(arguments.rate, arguments.limit, halves=halves)
    return traffic.simulated(arguments.rate, seconds)


def _fresh(folder: Path) -> Path:
    """Empty the demo's own folder and return it.

    Raises:
        StackError: no demo made the folder's content, or another demo runs in it.
    """
    mark = folder / _MARK  # only a folder with this file may be emptied
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise StackError(f"{folder.resolve()} is not a demo's folder; choose another with --data")
    try:
        make_private(folder)
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
