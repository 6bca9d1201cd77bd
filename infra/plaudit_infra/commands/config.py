"""`plaudit config`: every setting, its value, and where the value came from."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.settings import installed, origins


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(arguments: Namespace) -> int:
    rows = origins(installed())
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return OK
    width = max(len(row.variable) for row in rows)
    for row in rows:
        print(f"{row.variable:<{width}}  {row.value or '-':<40}  {row.origin:<12}  {row.help}")
    return OK


COMMAND = Command("config", "print every setting and where its value came from", configure, run)
