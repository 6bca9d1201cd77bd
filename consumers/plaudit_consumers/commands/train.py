"""`plaudit train`: train models that score answers."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command

from plaudit_consumers.commands import train_encoder, train_scorer


def configure(parser: ArgumentParser) -> None:
    parser.description = "Trains models that score answers. docs/training-a-scorer.md shows the way."
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    train_scorer.configure(actions)
    train_encoder.configure(actions)


def run(arguments: Namespace) -> int:
    return _ACTIONS[arguments.action](arguments)


_ACTIONS = {"scorer": train_scorer.train, "encoder": train_encoder.train}
COMMAND = Command("train", "train models that score answers", configure, run)
