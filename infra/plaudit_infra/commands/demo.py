"""`plaudit demo`: the main job on this machine, as far as it exists."""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plaudit_schemas.commands import OK, Command

NOT_YET = """What this demo does not do yet, because the parts are not there:
  - no gateway and no dashboard
  - no sink that writes the finished conversations to Parquet
It starts a real Kafka and Valkey, sends typed events and reads them back, byte for byte."""


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", help="keep the servers' data here; a temporary folder by default"
    )


def run(arguments: Namespace) -> int:
    from plaudit_infra.demo import run_demo  # noqa: PLC0415  # loads Kafka's client when used

    if arguments.data:
        run_demo(Path(arguments.data), print)
    else:
        with tempfile.TemporaryDirectory(prefix="plaudit-demo-") as folder:
            run_demo(Path(folder), print)
    print()
    print(NOT_YET)
    return OK


COMMAND = Command("demo", "run the main job on this machine, as far as it exists", configure, run)
