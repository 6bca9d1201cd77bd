"""`plaudit review send`: send a conversation, an answer or a prompt to the queue of a rubric."""

from argparse import Namespace
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.commands.printing import time_text
from plaudit_schemas.contract.printable import printable

from plaudit_producers.commands.review_options import (
    add_reasons,
    add_review_action,
    add_rubric_name,
    add_topic,
    application_of,
    open_rubrics,
    reason_fields,
)


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "send",
        "send a conversation or a message to the queue of a rubric",
        "Makes it an item, whatever the rubric selects, under this version and later ones. Sending it again "
        "changes nothing.",
    )
    add_rubric_name(parser)
    parser.add_argument("conversation", metavar="CONVERSATION", help="the conversation's id")
    parser.add_argument(
        "message",
        metavar="MESSAGE",
        nargs="?",
        default="",
        help="the answer or the prompt; for rubrics that rank answers, the prompt of these",
    )
    add_reasons(parser)
    add_topic(parser)


def send_target(arguments: Namespace) -> int:
    """Send a target to a queue."""
    from plaudit_schemas.review.registry import active_rubric  # noqa: PLC0415  # loads Kafka's client when used
    from plaudit_schemas.review.targets import ReviewTarget  # noqa: PLC0415  # as above

    with open_rubrics(arguments) as registry:
        book = registry.book()
        application = application_of(arguments, book)
        rubric = active_rubric(book, application, arguments.name).rubric
        target = ReviewTarget(rubric.target, arguments.conversation, arguments.message)
        known = {each.publication_id for each in book.sent(rubric)}
        sent = registry.send(application, arguments.name, target, **reason_fields(arguments))
    what = f"{arguments.conversation} {arguments.message}".strip()
    if sent.publication_id in known:
        by = f" by {sent.sent_by}" if sent.sent_by else ""
        print(printable(f"{what} was sent to {arguments.name} already, {time_text(sent.sent_ms)}{by}"))
    else:
        print(
            printable(f"{what} is sent to the queue of {arguments.name}; it is an item once the log has it")
        )
    return OK
