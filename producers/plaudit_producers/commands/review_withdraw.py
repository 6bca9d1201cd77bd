"""`plaudit review withdraw`: end a rubric."""

from argparse import Namespace
from typing import Any

from plaudit_schemas.commands import OK

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
        "withdraw",
        "end a rubric",
        "No version of the rubric makes items from now on, and its queue is closed. Answers that were given "
        "stay in the log and in the data. Publishing a version again opens its queue as it was.",
    )
    add_rubric_name(parser)
    add_reasons(parser)
    add_topic(parser)


def withdraw_rubric(arguments: Namespace) -> int:
    """Withdraw a rubric."""
    with open_rubrics(arguments) as registry:
        application = application_of(arguments, registry.book())
        ended = registry.withdraw(application, arguments.name, **reason_fields(arguments))
    print(f"{arguments.name}@{ended.rubric.version} of application {application} has ended")
    return OK
