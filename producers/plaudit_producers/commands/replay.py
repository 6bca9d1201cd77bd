"""`plaudit replay`: import conversations from a file."""

import math
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, get_args

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.file_sending import add_sending, destination_of, report_path

if TYPE_CHECKING:
    from plaudit_producers.importers.model import ImportOptions


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
    add_sending(parser, dry_run="what is not taken")
    parser.add_argument(
        "--id-field",
        metavar="NAME",
        help="the field of each record that identifies its chat, where the format has none",
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
    report = ImportReport(report_path(arguments))
    pace = Pace(arguments.rate, arguments.limit, arguments.time)
    with destination_of(arguments, connection, aspects) as destination:
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


def _options(arguments: Namespace, aspects: Aspects) -> "ImportOptions":
    from plaudit_producers.importers.model import ImportOptions  # noqa: PLC0415
    from plaudit_producers.importers.tags import tags_of  # noqa: PLC0415

    return ImportOptions(
        application=arguments.application,
        consent=arguments.consent,
        tags=tags_of(arguments.tag),
        seed=arguments.seed,
        aspects=aspects,
        again=arguments.again,
        id_field=arguments.id_field,
    )


COMMAND = Command("replay", "import conversations from a file, as events", configure, run)
