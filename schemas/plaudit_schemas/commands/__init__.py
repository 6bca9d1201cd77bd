"""The interface of a `plaudit` sub-command. Members register theirs as entry points `plaudit.commands`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

OK, FAILED, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command.

    Attributes:
        name: the word that the user types after `plaudit`.
        help: one line for `plaudit --help`.
        configure: adds the arguments to the command's parser.
        run: does the work and returns the exit code: `OK`, `FAILED` or `USAGE`. It may raise a
            PlauditError, which is printed as one line and exits with 1.
    """

    name: str
    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
