"""`plaudit models rollback`: make the version before active again."""

from argparse import Namespace
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.models.activations import ROLLBACK_DELAY_MS

from plaudit_consumers.commands.model_options import (
    add_action,
    add_publication,
    open_registry,
    print_activation,
    publication_fields,
)


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_action(
        actions,
        "rollback",
        "make the version before active again",
        "Makes the version active again that was published before the newest one, or any earlier one. "
        "Answers that were scored meanwhile keep their scores. It looks first whether the files are still "
        "there. Also undoes a withdrawal.",
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--to", metavar="VERSION", help="an earlier version; default: the one before")
    parser.add_argument(
        "--force", action="store_true", help="even if the files cannot be found from this machine"
    )
    add_publication(parser, ROLLBACK_DELAY_MS)


def roll_back_model(arguments: Namespace) -> int:
    """Publish an earlier version again."""
    from plaudit_consumers.commands.model_files import check_still_there  # noqa: PLC0415  # loads obstore

    with open_registry(arguments) as registry:
        target = registry.rollback_target(arguments.name, arguments.to)
        if not arguments.force:
            check_still_there(target.location, target.sha256)
        print_activation(registry.rollback(target, **publication_fields(arguments)))
    return OK
