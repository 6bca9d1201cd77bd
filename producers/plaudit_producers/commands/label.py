"""`plaudit label`: judgements of conversations that exist, from a file."""

import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.file_sending import add_sending, destination_of, report_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plaudit_producers.interchange.judgement_files import Check, LabelOptions

FORMATS = ("csv", "jsonl", "label-studio", "argilla")


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Sends judgements of conversations that exist to Kafka: verdicts as CSV or JSON lines, or what was "
        "annotated in Label Studio or Argilla on tasks of `plaudit review tasks`. All ids follow from the "
        "file's content, so a second run changes nothing, and a changed judgement replaces the one before. "
        "Look first with --dry-run: each bad line is named, with what to do about it (docs/interchange.md)."
    )
    parser.add_argument("file", help="plain or gzip; - is standard input")
    parser.add_argument(
        "--format", choices=FORMATS, metavar="F", help=f"one of {', '.join(FORMATS)}; default: recognised"
    )
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="the rubric whose questions are answered")
    parser.add_argument(
        "--application", help="whose conversations are judged; default that of the rubric or of the task"
    )
    parser.add_argument("--rater", metavar="NAME", help="who judged, where the file does not say it")
    parser.add_argument(
        "--people",
        default="",
        metavar="ID=NAME,...",
        help="who the raters of the file are, such as 1=ana,2=ben for the users of Label Studio",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="refuse what judges a conversation or message that is not live; asks Redis",
    )
    add_sending(parser, dry_run="what is refused")
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def run(arguments: Namespace) -> int:
    from plaudit_producers.destinations import count_unsent  # noqa: PLC0415  # loaded when used
    from plaudit_producers.importers.outcome import describe_replay  # noqa: PLC0415
    from plaudit_producers.importers.report import ImportReport  # noqa: PLC0415
    from plaudit_producers.interchange.judgement_files import label_file  # noqa: PLC0415
    from plaudit_producers.interchange.label_formats import label_formats  # noqa: PLC0415

    connection, started = load(ConnectionSettings, arguments), time.monotonic()
    aspects = read_aspects(connection.aspects)
    known = label_formats(_options(arguments, aspects))
    form = known[arguments.format] if arguments.format else None
    report = ImportReport(report_path(arguments))
    with (
        _check(arguments, connection) as check,
        destination_of(arguments, connection, aspects) as destination,
    ):
        summary = label_file(arguments.file, form, known, destination, report, check)
        lost = count_unsent(destination)
    told = sys.stderr if arguments.output == "-" else sys.stdout  # standard output then has the events
    seconds = time.monotonic() - started
    print(describe_replay(summary, report, "now", seconds, dry=arguments.dry_run), file=told)
    if lost:
        print(f"{lost:,} events did not reach Kafka; start it again: what arrived counts once", file=told)
    nothing = report.bad and not summary.records  # an empty file is no failure
    return FAILED if lost or nothing or report.rest_unread else OK


@contextmanager
def _check(arguments: Namespace, connection: ConnectionSettings) -> "Iterator[Check | None]":
    if not arguments.check:
        yield None
        return
    from plaudit_producers.interchange.live_check import live_check  # noqa: PLC0415  # loaded when used
    from plaudit_producers.live_reader import installed_reader  # noqa: PLC0415  # as above

    with live_check(installed_reader(connection)) as found:
        yield found.problem_of


def _options(arguments: Namespace, aspects: Aspects) -> "LabelOptions":
    from plaudit_schemas.review.rubric_file import read_rubric  # noqa: PLC0415  # loaded when used

    from plaudit_producers.interchange.judgement_files import LabelOptions  # noqa: PLC0415
    from plaudit_producers.setting_values import people_of  # noqa: PLC0415

    try:
        people = people_of(arguments.people)
    except ValueError as error:
        raise SettingsError(f"--people {error}") from None
    return LabelOptions(
        application=arguments.application,
        rubric=None if arguments.rubric is None else read_rubric(arguments.rubric),
        rater=arguments.rater,
        people=people,
        again=arguments.again,
        aspects=aspects,
    )


COMMAND = Command("label", "send judgements of conversations that exist, from a file", configure, run)
