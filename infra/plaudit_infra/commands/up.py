"""`plaudit up`: start the local stack."""

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command

from plaudit_infra.commands.data import add_data_argument, data_folder
from plaudit_infra.servers.private import private_files
from plaudit_infra.servers.signals import ignore_ending, taken_as_ctrl_c

if TYPE_CHECKING:
    from plaudit_infra.servers.stack import Stack


def configure(parser: ArgumentParser) -> None:
    add_data_argument(parser)
    parser.add_argument("--detach", action="store_true", help="return and leave the servers running")
    parser.add_argument(
        "--bootstrap-servers", metavar="HOST:PORT", help="use this Kafka instead of starting one"
    )
    parser.add_argument("--redis-url", metavar="URL", help="use this Redis or Valkey instead of starting one")


@private_files()
@taken_as_ctrl_c()
def run(arguments: Namespace) -> int:
    from plaudit_infra.servers.stack import Stack  # noqa: PLC0415  # loads Kafka's client when used

    stack = Stack(
        data_folder(arguments),
        bootstrap_servers=arguments.bootstrap_servers,
        redis_url=arguments.redis_url,
        detached=arguments.detach,
    )
    settings = stack.start(report=_say)
    try:
        for name, value in sorted(settings.items()):
            print(f"{name}={value}", flush=True)
        if arguments.detach:
            stack.release()
            return OK
        _say("up; Ctrl-C stops it")
        return _watch(stack)
    finally:
        if not arguments.detach:
            ignore_ending()  # a second Ctrl-C must not leave servers behind
            stack.stop()


def _watch(stack: "Stack") -> int:
    """Wait for Ctrl-C, `plaudit down`, or the end of a server. Returns the exit code."""
    try:
        while not (ended := stack.ended()):
            if ended is None:
                _say("stopped by `plaudit down`")
                return OK
            time.sleep(1.0)
    except KeyboardInterrupt:
        _say("stopping")
        return OK
    _say(f"{' and '.join(ended)} ended; see the logs in {stack.folder}")
    return FAILED


def _say(line: str) -> None:
    print(f"plaudit: {line}", file=sys.stderr, flush=True)


COMMAND = Command("up", "start a local Kafka and Valkey, without root or Docker", configure, run)
