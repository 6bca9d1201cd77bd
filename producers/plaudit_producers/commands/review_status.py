"""`plaudit review status`: how far a queue is, and how good its reviews are."""

import json
from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.contract.printable import printable

from plaudit_producers.commands.review_options import add_review_action
from plaudit_producers.commands.review_queues import add_queue, chosen_rubric, read_queue, stage_note

if TYPE_CHECKING:
    from plaudit_schemas.review.claims import QueueProgress, ReviewedItem
    from plaudit_schemas.review.queue import ReviewQueue


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "status",
        "show how far a queue is, and how good its reviews are",
        "Shows the progress of a rubric's queue; how far reviewers agree on each question, beyond chance; "
        "how each of them does on control items and beside the others; and models beside people. The figures "
        "are those of the console.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_queue(parser)


def show_status(arguments: Namespace) -> int:
    """Print the figures."""
    from plaudit_producers.review.quality.figures import queue_figures  # noqa: PLC0415  # loads numpy when used
    from plaudit_producers.review.quality.text import status_lines  # noqa: PLC0415  # as above

    rubric = chosen_rubric(arguments)
    stage, progress, items = read_queue(arguments, rubric, _read)
    figures = queue_figures(rubric, items, datetime.now(UTC))
    if arguments.json:
        print(json.dumps({"stage": stage, "progress": progress._asdict(), **figures}, indent=2))
        return OK
    print(printable(f"{rubric.application}: {rubric.name}@{rubric.version}, {rubric.title}"))
    if note := stage_note(stage):
        print(f"note: {note}")
    for line in status_lines(progress, figures):
        print(line)
    return OK


async def _read(queue: "ReviewQueue") -> "tuple[str, QueueProgress, list[ReviewedItem]]":
    return await queue.stage(), await queue.progress(), [item async for item in queue.items()]
