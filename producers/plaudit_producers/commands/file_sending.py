"""What commands share that send the events of a file: where to, and the report on what was refused."""

import sys
from argparse import ArgumentParser, Namespace
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings

if TYPE_CHECKING:
    from plaudit_producers.destinations import EventFile
    from plaudit_producers.importers.dry_run import DryRun
    from plaudit_producers.sdk.producer import FeedbackProducer


def add_sending(parser: ArgumentParser, *, dry_run: str) -> None:
    """Add the options that `destination_of` and `report_path` read.

    Args:
        dry_run: what a dry run shows.
    """
    parser.add_argument(
        "--output", metavar="FILE", help="write plaudit-jsonl to this file instead of sending"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=f"show the first ten events and {dry_run}, and send nothing; needs no Kafka",
    )
    parser.add_argument(
        "--again",
        default="",
        metavar="TEXT",
        help="say everything again under other ids, after a change and a change back; any text",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="where to list what was refused or not taken; default <file>.refused.jsonl in this folder",
    )


def destination_of(
    arguments: Namespace, connection: ConnectionSettings, aspects: Aspects
) -> "AbstractContextManager[FeedbackProducer | EventFile | DryRun]":
    """Kafka, a file, or nothing at all."""
    from plaudit_producers.destinations import open_event_file, open_kafka  # noqa: PLC0415  # loaded when used
    from plaudit_producers.importers.dry_run import DryRun  # noqa: PLC0415

    if arguments.dry_run:
        if arguments.output:
            raise SettingsError("--dry-run writes no events: leave out --output")
        return nullcontext(DryRun(sys.stdout, aspects))
    if arguments.output:
        return open_event_file(arguments.output, aspects)
    return open_kafka(connection, {"source": "import"})


def report_path(arguments: Namespace) -> Path | None:
    """Where the report goes; None if none was asked for in a dry run."""
    given: Path | None = arguments.report
    if given is not None or arguments.dry_run:
        return given
    return Path(f"{Path(arguments.file).name}.refused.jsonl")
