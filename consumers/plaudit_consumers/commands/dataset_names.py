"""`plaudit datasets tag`, `list` and `log`: the register of named snapshots."""

import json
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.contract.printable import printable

from plaudit_consumers.commands.dataset_options import (
    add_action,
    add_root,
    add_snapshot,
    required_root,
    snapshot_folder,
)

if TYPE_CHECKING:
    from plaudit_consumers.publishing.entries import RegisterEntry
    from plaudit_consumers.publishing.register import Register


def configure(actions: Any) -> None:
    """Add the three actions."""
    tag = add_action(
        actions,
        "tag",
        "give a snapshot a name",
        "Verifies a snapshot and gives it a name, by which the other commands find it. The names are kept in "
        "the root of the sink. A name stands for the same content for good, unless --move says otherwise; "
        "`plaudit datasets log` keeps what it stood for before.",
    )
    add_snapshot(tag)
    tag.add_argument("name", metavar="NAME", help="such as support-2026.11")
    tag.add_argument("--move", action="store_true", help="let a name stand for another snapshot from now on")
    tag.add_argument("--note", default="", metavar="TEXT", help="why, or for what; `log` shows it")
    add_root(tag)
    listed = add_action(actions, "list", "list the named snapshots", "Lists the names, newest last.")
    log = add_action(
        actions, "log", "show which snapshots a name has stood for", "Shows every entry of the register."
    )
    log.add_argument("name", nargs="?", metavar="NAME", help="default: all names")
    for parser in (listed, log):
        add_root(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON list")


def tag_snapshot(arguments: Namespace) -> int:
    """Name a snapshot."""
    folder = snapshot_folder(arguments.snapshot, arguments)
    entry = open_register(required_root(arguments)).tag(
        folder, arguments.name, datetime.now(UTC), move=arguments.move, note=arguments.note
    )
    print(f"{entry.name}: {_line(entry)}")
    return OK


def list_names(arguments: Namespace) -> int:
    """Print the entries that hold."""
    current = open_register(required_root(arguments)).current().values()
    entries = sorted(current, key=lambda entry: (entry.tagged_at, entry.name))
    return _print(entries, arguments, "no snapshot has a name; `plaudit datasets tag` gives one")


def print_log(arguments: Namespace) -> int:
    """Print every entry, oldest first."""
    register = open_register(required_root(arguments))
    if arguments.name is not None:
        register.find(arguments.name)
    entries = sorted(register.entries(arguments.name), key=lambda entry: (entry.tagged_at, entry.number))
    return _print(entries, arguments, "no snapshot was ever named")


def open_register(root: str) -> "Register":
    """The register of a root.

    Raises:
        SourceFileError: there is no such root.
    """
    from plaudit_consumers.publishing.register import Register  # noqa: PLC0415  # loads Arrow when used
    from plaudit_consumers.publishing.register_files import RegisterFiles  # noqa: PLC0415

    return Register(RegisterFiles(root))


def _print(entries: Iterable["RegisterEntry"], arguments: Namespace, nothing: str) -> int:
    shown = list(entries)
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in shown], indent=2))
    elif not shown:
        print(nothing)
    else:
        for entry in shown:
            print(f"{entry.name:<24} {_line(entry)}")
    return OK


def _line(entry: "RegisterEntry") -> str:
    rows = ", ".join(f"{subset} {count}" for subset, count in entry.rows.items() if count)
    by = f" by {entry.tagged_by}" if entry.tagged_by else ""
    note = f" | {entry.note}" if entry.note else ""
    text = (
        f"{entry.snapshot[:12]}  {entry.tagged_at}{by}  as of {entry.as_of}  {rows or 'no rows'}  "
        f"{entry.folder}{note}"
    )
    return printable(text)
