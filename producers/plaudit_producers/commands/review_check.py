"""`plaudit review check`: say what is wrong with the files of rubrics."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import RubricError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.review_options import add_review_action

if TYPE_CHECKING:
    from plaudit_schemas.review.rubric import Rubric


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_review_action(
        actions,
        "check",
        "check files of rubrics, and say what is wrong with them",
        "Prints all that is wrong with each file, with its line; and whether the answers to its questions "
        "fit the declared aspects, if PLAUDIT_ASPECTS names a file (docs/aspects.md).",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a rubric (docs/rubrics.md)")
    add_arguments(parser, ConnectionSettings, main=("aspects",))


def check_rubrics(arguments: Namespace) -> int:
    """Check each file."""
    from plaudit_schemas.review.rubric_file import read_rubric  # noqa: PLC0415  # loaded when used

    aspects = read_aspects(load(ConnectionSettings, arguments).aspects)
    code = OK
    for path in arguments.files:
        try:
            _print_summary(path, read_rubric(path, aspects))
        except RubricError as error:
            code = FAILED
            print("\n".join(f"{path}: {problem}" for problem in error.problems or (str(error),)))
    return code


def _print_summary(path: Path, rubric: "Rubric") -> None:
    from plaudit_schemas.review.rubric_checks import notes_of  # noqa: PLC0415  # as above

    names = ", ".join(f"{question.name} ({question.kind})" for question in rubric.questions)
    print(
        printable(
            f"{path}: {rubric.name}@{rubric.version} of application {rubric.application} is fine; its "
            f"target is {rubric.target}, its questions are {names}"
        )
    )
    for note in notes_of(rubric):
        print(f"  note: {note}")
