"""The `plaudit` command: finds the members' sub-commands, runs one, turns errors into one line."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from plaudit_schemas.commands import FAILED, Command
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.settings import refuse_unknown

GROUP = "plaudit.commands"


def commands() -> list[Command]:
    """The sub-commands of every installed member, by name."""
    loaded = [command for point in entry_points(group=GROUP) if (command := _load(point)) is not None]
    return sorted(loaded, key=lambda command: command.name)


def _load(point: EntryPoint) -> Command | None:
    """A command, or None if it needs a member that is not installed: an image has only its own."""
    try:
        command: Command = point.load()
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.startswith("plaudit_") and "." not in name:  # a module that a member lacks is a fault
            return None
        raise
    return command


def parser(available: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of the whole command."""
    root = argparse.ArgumentParser(
        prog="plaudit",
        description="Continuous human feedback for LLM chats, as a stream.",
        epilog="Exit codes: 0 fine, 1 failed, 2 wrong usage.",
    )
    root.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in available:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        # Suppressed: it must not undo a --debug given before the sub-command.
        subparser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        command.configure(subparser)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; the exit code."""
    debug = "--debug" in (sys.argv[1:] if argv is None else argv)  # known before a command is loaded
    try:
        available = {command.name: command for command in commands()}
        arguments = parser(list(available.values())).parse_args(argv)
        refuse_unknown(os.environ)
        return available[arguments.command].run(arguments)
    except PlauditError as error:
        if debug:
            traceback.print_exc()
        print(f"plaudit: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the last line of defence of a command
        if debug:
            raise
        text = " ".join(str(error).split())
        print(f"plaudit: unexpected {type(error).__name__}: {text} (--debug shows where)", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
