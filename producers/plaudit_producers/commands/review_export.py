"""`plaudit review export`: the verdicts of a queue as JSONL or CSV."""

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError

from plaudit_producers.commands.review_options import add_review_action
from plaudit_producers.commands.review_queues import add_queue, chosen_rubric, read_queue, stage_note

if TYPE_CHECKING:
    from plaudit_schemas.review.claims import ReviewedItem
    from plaudit_schemas.review.queue import ReviewQueue
    from plaudit_schemas.review.rubric import Rubric


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "export",
        "write the verdicts of a queue as JSONL or CSV",
        "Writes a row for each verdict, adjudication and decline of a rubric's queue. Surplus verdicts and "
        "control items are marked as such. What is exported is what the queue holds; training rows come from "
        "`plaudit datasets build`.",
    )
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv"),
        help="default: csv if the file's name ends with .csv, else jsonl",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: print the rows")
    add_queue(parser)


def export_verdicts(arguments: Namespace) -> int:
    """Write the rows."""
    from plaudit_producers.review.exporting import verdict_rows  # noqa: PLC0415  # loaded when used

    rubric = chosen_rubric(arguments)
    stage, items = read_queue(arguments, rubric, _read)
    rows = verdict_rows(rubric, sorted(items, key=lambda item: item.id))
    if note := stage_note(stage):
        print(f"note: {note}", file=sys.stderr)  # standard output may have the rows
    write = _write_csv if _is_csv(arguments) else _write_jsonl
    if arguments.output is None:
        write(rubric, rows, sys.stdout)
        return OK
    # For spreadsheets, which take UTF-8 for another encoding without the mark.
    encoding = "utf-8-sig" if write is _write_csv else "utf-8"
    try:
        with arguments.output.open("w", encoding=encoding, newline="") as file:
            count = write(rubric, rows, file)
    except OSError as error:
        raise SettingsError(f"{arguments.output} cannot be written: {error.strerror}") from None
    print(f"{arguments.output}: {count} rows")
    return OK


def _is_csv(arguments: Namespace) -> bool:
    if arguments.format is not None:
        return bool(arguments.format == "csv")
    return arguments.output is not None and arguments.output.suffix.lower() == ".csv"


def _write_jsonl(_rubric: "Rubric", rows: Iterable[dict[str, Any]], file: IO[str]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  # it is what is returned
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def _write_csv(rubric: "Rubric", rows: Iterable[dict[str, Any]], file: IO[str]) -> int:
    from plaudit_producers.review.exporting import table_columns, table_row  # noqa: PLC0415  # loaded when used

    writer = csv.DictWriter(file, table_columns(rubric), lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  # it is what is returned
        writer.writerow(table_row(rubric, row))
    return count


async def _read(queue: "ReviewQueue") -> "tuple[str, list[ReviewedItem]]":
    return await queue.stage(), [item async for item in queue.items()]
