"""`plaudit review publish`: let a version of a rubric make items."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.commands.printing import time_text
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.review_options import (
    add_reasons,
    add_review_action,
    open_rubrics,
    reason_fields,
)


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "publish",
        "let a version of a rubric make items for reviewers",
        "Checks the file as `plaudit review check` does, and publishes it. The review agent then "
        "goes through the log from its start and selects what the rubric asks for; the version before ends. "
        "A version never changes. Publishing the same again changes nothing.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the rubric (docs/rubrics.md)")
    add_reasons(parser)
    add_arguments(
        parser,
        ConnectionSettings,
        ReviewSettings,
        main=("bootstrap_servers", "topic_prefix", "review_salt"),
    )


def publish_rubric(arguments: Namespace) -> int:
    """Check a file and publish it."""
    from plaudit_schemas.review.rubric_file import read_rubric  # noqa: PLC0415  # loaded when used

    rubric = read_rubric(arguments.file, read_aspects(load(ConnectionSettings, arguments).aspects))
    settings = load(ReviewSettings, arguments)
    with open_rubrics(arguments) as registry:
        before = registry.book().active.get((rubric.application, rubric.name))
        done = registry.publish(rubric, settings, **reason_fields(arguments))
    name = f"{rubric.name}@{rubric.version} of application {rubric.application}"
    if before is not None and before.publication_id == done.publication_id:
        print(f"{name} is active already; nothing was done")
        return OK
    print(f"{name} is active since {time_text(done.published_ms)}")
    if before is not None and before.queue != done.queue:
        counted = "and its verdicts count" if before.rubric.version in rubric.continues else (
            "and its verdicts do not count for this one"
        )  # fmt: skip
        print(f"version {before.rubric.version} has ended, {counted}")
    return OK
