"""The page of commands: what each `--help` says."""

import argparse
import os
from collections.abc import Iterator

from plaudit_infra.main import commands, parser

from docs.generators.markdown import block, page


def render() -> str:
    """Every command and sub-command with its help."""
    os.environ["COLUMNS"] = "110"  # argparse asks for it each time that it formats
    root = parser(commands())
    intro = (
        "Every command ends with 0 if all is fine, 1 if something failed, and 2 if it was used wrongly. "
        "`--help-settings` lists all settings of a command; [Settings](settings.md) explains them. "
        "`--debug` shows the traceback of an error."
    )
    parts = [intro]
    for one in _commands(root):
        level = "##" if one.prog.count(" ") == 1 else "###"
        parts += [f"{level} {one.prog}", block(one.format_help())]
    return page("Commands", *parts)


def _commands(parent: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parent._actions:  # noqa: SLF001  # argparse has no public way to its sub-commands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child in action.choices.values():
                yield child
                yield from _commands(child)
