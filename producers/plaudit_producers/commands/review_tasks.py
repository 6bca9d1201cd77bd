"""`plaudit review tasks`: items of a rubric as tasks for Label Studio or Argilla."""

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.replay import count
from plaudit_producers.commands.review_options import add_review_action

if TYPE_CHECKING:
    from plaudit_producers.interchange.task_sources import FoundTasks

_SHOWN = 3


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "tasks",
        "write items as tasks for Label Studio or records for Argilla",
        "Writes the items of a rubric's queue that still need verdicts as tasks for another tool, into a "
        "folder; or what the rubric's target names in a file of conversations. What is annotated there comes "
        "back with `plaudit label`, or by Label Studio's webhook through the gateway (docs/interchange.md).",
    )
    parser.add_argument("rubric", type=Path, metavar="RUBRIC", help="the rubric's file")
    parser.add_argument(
        "--format", choices=("label-studio", "argilla"), default="label-studio", help="default label-studio"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="where to write the files"
    )
    parser.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="a file of conversations, which `plaudit replay` sends; default the rubric's queue",
    )
    parser.add_argument(
        "--file-format", metavar="F", help="a format of `plaudit replay`; default: recognised"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="the most tasks; default all")
    add_arguments(parser, ConnectionSettings, main=("redis_url", "redis_prefix"))


def write_tasks(arguments: Namespace) -> int:
    """Write the files."""
    from plaudit_schemas.review.rubric_file import read_rubric  # noqa: PLC0415  # loaded when used

    from plaudit_producers.interchange.task_files import task_files, write_files  # noqa: PLC0415
    from plaudit_producers.interchange.task_sources import tasks_of_file, tasks_of_queue  # noqa: PLC0415

    rubric = read_rubric(arguments.rubric)
    if arguments.file is not None:
        found = tasks_of_file(rubric, arguments.file, arguments.file_format, arguments.limit)
    else:
        connection = load(ConnectionSettings, arguments)
        found = asyncio.run(tasks_of_queue(rubric, connection, arguments.limit))
    files = task_files(arguments.format, rubric, found.tasks)
    if found.tasks:
        write_files(arguments.output, files)
    _tell(found, arguments.output, list(files))
    return OK if found.tasks else FAILED


def _tell(found: "FoundTasks", folder: Path, files: list[str]) -> None:
    if found.tasks:
        suggested = sum(bool(task.suggestions) for task in found.tasks)
        print(f"{len(found.tasks):,} tasks, {suggested:,} with suggestions: {', '.join(files)} in {folder}")
    else:
        print("no item needs a verdict, so nothing was written")
    if found.gone:
        print(f"{found.gone:,} items are left out, since their conversations are gone")
    if found.refused:
        print(f"{len(found.refused):,} records of the file were refused")
    for reason in found.refused[:_SHOWN]:
        print(printable(f"  {reason}"))
