"""`plaudit replay`: import conversations from a file."""

import math
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

if TYPE_CHECKING:
    from plaudit_producers.destinations import EventFile
    from plaudit_producers.importers.dry_run import DryRun
    from plaudit_producers.importers.model import ImportOptions
    from plaudit_producers.sdk.producer import FeedbackProducer


def rate(text: str) -> float:  # argparse puts the function's name into its error message
    """Parse events per second, above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ArgumentTypeError("must be above 0")
    return value


def count(text: str) -> int:
    """Parse a whole number above 0."""
    value = int(text)
    if value < 1:
        raise ArgumentTypeError("must be 1 or more")
    return value


def configure(parser: ArgumentParser) -> None:
    names = sorted(point.name for point in entry_points(group="plaudit.importers"))
    parser.description = (
        "Sends the conversations of a file to Kafka, as events of source `import`, which alerts ignore. All "
        "ids are derived from the file's content. So an import that was stopped can be started again: what "
        "arrived before counts once, and of a changed file what is new is added. Each conversation is sent "
        "whole or not at all. Records that cannot be read, and fields that are not taken, are listed in the "
        "report, and the import continues. plaudit-jsonl takes or refuses each event on its own."
    )
    parser.add_argument("file", help="plain or gzip; - is standard input")
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"one of {', '.join(names)}; default: recognised from the first records",
    )
    parser.add_argument("--application", help="the tenant of the conversations; default import")
    parser.add_argument("--rate", type=rate, metavar="N", help="the most events per second; default no limit")
    parser.add_argument("--limit", type=count, metavar="N", help="read only the first N records")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed that shuffles the order of ranked candidates; default 0",
    )
    _add_meaning(parser)
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def _add_meaning(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--time",
        choices=["now", "original"],
        default="now",
        help="the events' times: that of sending (default), or the file's, invented where it has none",
    )
    parser.add_argument(
        "--consent",
        choices=[value for value in get_args(Consent) if value != "unknown"],
        default="unspecified",
        help="the users' consent to training, where the file has none",
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a tag for every conversation; may be repeated",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write plaudit-jsonl to this file instead of sending"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show the first ten events and what is not taken, and send nothing; needs no Kafka",
    )
    parser.add_argument(
        "--id-field",
        metavar="NAME",
        help="the field of each record that identifies its chat, where the format has none",
    )
    parser.add_argument(
        "--again",
        default="",
        metavar="TEXT",
        help="say everything again under other event ids, after a change and a change back; any text",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="where to list what was refused or not taken; default <file>.refused.jsonl in this folder",
    )


def run(arguments: Namespace) -> int:
    from plaudit_producers.destinations import count_unsent  # noqa: PLC0415  # loaded when used
    from plaudit_producers.importers.catalog import find_format  # noqa: PLC0415
    from plaudit_producers.importers.outcome import describe_aspects, describe_replay  # noqa: PLC0415
    from plaudit_producers.importers.report import ImportReport  # noqa: PLC0415
    from plaudit_producers.importers.run import Pace, replay_file  # noqa: PLC0415

    form = find_format(arguments.format) if arguments.format else None
    connection, started = load(ConnectionSettings, arguments), time.monotonic()
    aspects = read_aspects(connection.aspects)
    options = _options(arguments, aspects)
    report = ImportReport(_report_path(arguments))
    pace = Pace(arguments.rate, arguments.limit, arguments.time)
    with _destination(arguments, connection, aspects) as destination:
        try:
            summary = replay_file(
                arguments.file, form, destination, options=options, pace=pace, report=report
            )
        except KeyboardInterrupt:
            print("stopped; start it again to continue: what arrived before counts once", file=sys.stderr)
            raise
        lost = count_unsent(destination)
    told = sys.stderr if arguments.output == "-" else sys.stdout  # standard output then has the events
    seconds = time.monotonic() - started
    print(describe_replay(summary, report, pace.times, seconds, dry=arguments.dry_run), file=told)
    if undeclared := describe_aspects(summary, aspects):
        print(undeclared, file=told)
    if summary.records and options.consent == "unspecified":
        print("without --consent, what has no consent in the file stays out of training subsets", file=told)
    if lost:
        print(f"{lost:,} events did not reach Kafka; start it again: what arrived counts once", file=told)
    nothing = report.bad and not summary.records  # an empty file is no failure
    return FAILED if lost or nothing or report.rest_unread else OK


def _destination(
    arguments: Namespace, connection: ConnectionSettings, aspects: Aspects
) -> "AbstractContextManager[FeedbackProducer | EventFile | DryRun]":
    from plaudit_producers.destinations import open_event_file, open_kafka  # noqa: PLC0415  # loaded when used
    from plaudit_producers.importers.dry_run import DryRun  # noqa: PLC0415

    if arguments.dry_run:
        if arguments.output:
            raise SettingsError("--dry-run writes no events: leave out --output")
        return nullcontext(DryRun(sys.stdout, aspects))
    if arguments.output:
        return open_event_file(arguments.output, aspects)
    return open_kafka(connection, {"source": "import"})


def _report_path(arguments: Namespace) -> Path | None:
    given: Path | None = arguments.report
    if given is not None or arguments.dry_run:
        return given
    return Path(f"{Path(arguments.file).name}.refused.jsonl")


def _options(arguments: Namespace, aspects: Aspects) -> "ImportOptions":
    from plaudit_producers.importers.model import ImportOptions  # noqa: PLC0415

    pairs = [tag.partition("=") for tag in arguments.tag]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise SettingsError(f"--tag takes NAME=VALUE, such as licence=MIT, not {wrong[0]}")
    return ImportOptions(
        application=arguments.application,
        consent=arguments.consent,
        tags={name: value for name, _, value in pairs},
        seed=arguments.seed,
        aspects=aspects,
        again=arguments.again,
        id_field=arguments.id_field,
    )


COMMAND = Command("replay", "import conversations from a file, as events", configure, run)
