"""`plaudit models withdraw`: end the scoring by a model."""

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
        "withdraw",
        "end the scoring by a model",
        "From its time on no version of the model is active, and its scorers score nothing, until a version "
        "is published or rolled back to. Scores that were given stay. A publication that still waits for its "
        "time is withdrawn with it.",
    )
    parser.add_argument("name", metavar="NAME")
    add_publication(parser, ROLLBACK_DELAY_MS)


def withdraw_model(arguments: Namespace) -> int:
    """Withdraw a model."""
    with open_registry(arguments) as registry:
        print_activation(registry.withdraw(arguments.name, **publication_fields(arguments)))
    return OK
