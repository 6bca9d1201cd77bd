"""`plaudit status`: which servers of the local stack run and answer."""

import json
from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.compiled import how_it_runs
from plaudit_schemas.service.console import CONSOLE_LINK

from plaudit_infra.commands.data import add_data_argument, data_folder


def configure(parser: ArgumentParser) -> None:
    add_data_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(arguments: Namespace) -> int:
    from plaudit_infra.servers.stack import Stack  # noqa: PLC0415  # loads Kafka's client when used

    rows = Stack(data_folder(arguments)).status()
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            pid = "" if row["pid"] is None else f"pid {row['pid']}"
            print(f"{row['server']:<8} {row['state']:<14} {row['address'] or '-':<34} {pid}")
        print(f"{'code':<8} {how_it_runs()}")
        link = data_folder(arguments) / CONSOLE_LINK
        if link.is_file():  # of a console that was started with --link
            print(f"{'console':<8} {'sign in with':<14} {link.read_text().strip()}")
    return OK if all(row["state"] == "up" for row in rows) else FAILED


COMMAND = Command(
    "status", "say whether the local stack runs and answers; exit code 1 if not", configure, run
)
