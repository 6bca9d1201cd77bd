"""`plaudit review list`: the published rubrics."""

import json
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.commands.printing import columns, time_text
from plaudit_schemas.contract.printable import printable

from plaudit_producers.commands.review_options import add_review_action, add_topic, open_rubrics

if TYPE_CHECKING:
    from plaudit_schemas.review.publications import PublishedRubric, RubricBook


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "list",
        "list the published rubrics",
        "Lists the active version of each rubric. With --all, also what was replaced or withdrawn.",
    )
    parser.add_argument("--all", action="store_true", help="also versions that have ended")
    parser.add_argument("--json", action="store_true", help="print one JSON list; times in ms since 1970")
    add_topic(parser)


def list_rubrics(arguments: Namespace) -> int:
    """Print the rubrics."""
    with open_rubrics(arguments) as registry:
        book, unreadable = registry.book(), registry.unreadable()
    shown = list(_versions(book, ended=arguments.all))
    if arguments.json:
        print(json.dumps([_document(each, book) for each in shown], indent=2))
        return OK
    if shown:
        print("\n".join(columns([_row(each, book) for each in shown])))
    else:
        print("no rubric is published; `plaudit review publish FILE` publishes one")
    for key, reason in unreadable:
        print(f"not readable: {printable(key)}: {printable(reason)}")
    return OK


def _versions(book: "RubricBook", *, ended: bool) -> Iterator["PublishedRubric"]:
    found = [*book.active.values(), *(book.ended() if ended else ())]
    yield from sorted(found, key=lambda each: (*each.queue[:2], each.published_ms))


def _row(each: "PublishedRubric", book: "RubricBook") -> tuple[str, ...]:
    rubric = each.rubric
    since = f"active since {time_text(each.published_ms)}"
    if each.ended_ms is not None:
        since = f"was active {time_text(each.published_ms)} to {time_text(each.ended_ms)}"
    sent = len(book.sent(rubric))
    return (
        rubric.application,
        f"{rubric.name}@{rubric.version}",
        rubric.target,
        since,
        "  ".join(filter(None, (f"{sent} sent" if sent else "", each.note or ""))),
    )


def _document(each: "PublishedRubric", book: "RubricBook") -> dict[str, Any]:
    fields = each._asdict()
    rubric = fields.pop("rubric")
    return {
        "application": rubric.application,
        "name": rubric.name,
        "version": rubric.version,
        **fields,
        "sent": len(book.sent(rubric)),
        "rubric": rubric.model_dump(mode="json"),
    }
