"""`plaudit up`: start the local stack."""

import signal
import sys
import threading
from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import FAILED, OK, Command

from plaudit_infra.commands.data import add_data_argument, data_folder


def configure(parser: ArgumentParser) -> None:
    add_data_argument(parser)
    parser.add_argument("--detach", action="store_true", help="leave the servers running and return")
    parser.add_argument(
        "--bootstrap-servers", metavar="HOST:PORT", help="use this Kafka instead of starting one"
    )
    parser.add_argument("--redis-url", metavar="URL", help="use this Redis or Valkey instead of starting one")


def run(arguments: Namespace) -> int:
    from plaudit_infra.servers.stack import Stack  # noqa: PLC0415  # loads Kafka's client when used

    stack = Stack(
        data_folder(arguments),
        bootstrap_servers=arguments.bootstrap_servers,
        redis_url=arguments.redis_url,
        detached=arguments.detach,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, _interrupt)
    settings = stack.start(report=lambda line: print(f"plaudit: {line}", file=sys.stderr, flush=True))
    for name, value in sorted(settings.items()):
        print(f"{name}={value}", flush=True)
    if arguments.detach:
        stack.release()
        return OK
    print("plaudit: up; Ctrl-C stops it", file=sys.stderr, flush=True)
    code = OK
    try:
        while not stop.wait(1.0):
            ended = [row["server"] for row in stack.status() if row["state"] == "down"]
            if ended:
                print(
                    f"plaudit: {' and '.join(ended)} ended; see the logs in {stack.folder}", file=sys.stderr
                )
                code = FAILED
                break
    except KeyboardInterrupt:
        print("plaudit: stopping", file=sys.stderr, flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it behind
        stack.stop()
    return code


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


COMMAND = Command("up", "start a local Kafka and Valkey, no root and no Docker", configure, run)
