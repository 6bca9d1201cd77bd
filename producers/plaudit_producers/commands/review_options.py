"""Options that actions of `plaudit review` share: Kafka, the application, who and why."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands.printing import user_name
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

if TYPE_CHECKING:
    from plaudit_schemas.review.publications import RubricBook
    from plaudit_schemas.review.registry import RubricRegistry


def add_review_action(actions: Any, name: str, text: str, description: str) -> ArgumentParser:
    """Add a sub-command of `plaudit review`."""
    parser: ArgumentParser = actions.add_parser(name, help=text, description=description)
    return parser


def add_topic(parser: ArgumentParser) -> None:
    """Add the flags of the connection to Kafka."""
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def add_rubric_name(parser: ArgumentParser) -> None:
    """Add the name of a published rubric, and its application."""
    parser.add_argument("name", metavar="NAME", help="the rubric's name")
    parser.add_argument(
        "--application", metavar="NAME", help="whose rubric it is, if several have one of this name"
    )


def add_reasons(parser: ArgumentParser) -> None:
    """Add who does it, and why."""
    parser.add_argument("--by", metavar="WHO", help="who does it; default: the user of this machine")
    parser.add_argument("--note", metavar="TEXT", help="why; `plaudit review list` prints it")


def reason_fields(arguments: Namespace) -> dict[str, str | None]:
    """The arguments that `RubricRegistry` takes for these options."""
    return {"published_by": arguments.by or user_name(), "note": arguments.note}


def open_rubrics(arguments: Namespace) -> "RubricRegistry":
    """The registry that the options name."""
    from plaudit_schemas.review.registry import RubricRegistry  # noqa: PLC0415  # loads Kafka's client when used

    return RubricRegistry(load(ConnectionSettings, arguments))


def application_of(arguments: Namespace, book: "RubricBook", *, ended: bool = False) -> str:
    """The application of the rubric that is named: the given one, or the only one that has it.

    Args:
        ended: whether rubrics count that are withdrawn.

    Raises:
        NotFoundError: none has it, or several have.
    """
    if arguments.application is not None:
        return str(arguments.application)
    known = dict.fromkeys(book.active)
    if ended:
        known |= dict.fromkeys(each.queue[:2] for each in book.ended())
    found = [application for application, name in known if name == arguments.name]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFoundError(
            f"{len(found)} applications have a rubric {arguments.name}; name one with --application: "
            f"{', '.join(found)}"
        )
    names = ", ".join(dict.fromkeys(name for _, name in book.active)) or "none"
    raise NotFoundError(
        f"no rubric {arguments.name} is published; published are: {names} (`plaudit review list --all` also "
        "has those that were)"
    )
