"""What a sub-command of `plaudit` is; members offer theirs in the entry point group `plaudit.commands`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

OK, FAILED, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command.

    Attributes:
        name: what the user types; two words make a command of a group (`topics create`).
        help: one line for `plaudit --help`.
        configure: adds the arguments.
        run: does the work and returns the exit code: 0 fine, 1 failed, 2 usage. It may
            raise a PlauditError, which is printed as one line and exits with 1.
    """

    name: str
    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
