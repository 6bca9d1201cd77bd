"""The `plaudit` command. It finds the members' sub-commands, runs one, and prints an error as one line."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from plaudit_schemas.commands import FAILED, Command
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.service.stop_deadline import end_within
from plaudit_schemas.settings import refuse_unknown

from plaudit_infra.installed import load_installed
from plaudit_infra.memory_shortage import end_when_out_of_memory

GROUP = "plaudit.commands"
_DEBUG: Final = "--debug"
_ENDS_WITHIN_S: Final = 30.0


def commands() -> list[Command]:
    """The sub-commands of every installed member, sorted by name."""
    return sorted(load_installed(GROUP), key=lambda command: command.name)


def _commands_for(words: Sequence[str]) -> list[Command]:
    """The command that these arguments name, because loading all takes twice as long; else all."""
    first = next((word for word in words if word != _DEBUG), "-h")
    alone = [] if first.startswith("-") else load_installed(GROUP, first)
    return alone or commands()


def parser(available: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of the whole command."""
    root = argparse.ArgumentParser(
        prog="plaudit",
        description="Continuous human feedback for LLM chats, as a stream.",
        epilog="Exit codes: 0 success, 1 failure, 2 wrong usage.",
    )
    root.add_argument(_DEBUG, action="store_true", help="show the traceback of an error")
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in available:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        # SUPPRESS as the default: a False from here would undo a --debug before the sub-command.
        subparser.add_argument(_DEBUG, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        command.configure(subparser)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code."""
    # Not from the parser: loading the commands can fail before the arguments are parsed.
    words = sys.argv[1:] if argv is None else argv
    debug = _DEBUG in words
    try:
        available = {command.name: command for command in _commands_for(words)}
        arguments = parser(list(available.values())).parse_args(argv)
        refuse_unknown(os.environ)
        return available[arguments.command].run(arguments)
    except PlauditError as error:
        if debug:
            traceback.print_exc()
        told = "\n".join(map(printable, str(error).splitlines()))
        print(f"plaudit: {told}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader, such as `head`, has gone. Python flushes stdout at exit and would fail there once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the last line of defence of a command
        if debug:
            raise
        text = printable(" ".join(str(error).split()))
        print(f"plaudit: unexpected {type(error).__name__}: {text} (--debug shows where)", file=sys.stderr)
        return FAILED


def run() -> int:
    """The entry point of the process."""
    end_when_out_of_memory()
    code = main()
    # A thread that hangs would keep the process, and its supervisor would wait for good.
    end_within(_ENDS_WITHIN_S)
    return code


if __name__ == "__main__":
    sys.exit(run())
