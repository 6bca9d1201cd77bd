"""`plaudit datasets show`: what is in a snapshot, and its rows to be read."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.commands.dataset_options import add_action, add_root, add_snapshot, snapshot_folder

if TYPE_CHECKING:
    from plaudit_consumers.datasets.manifest import Manifest

_ROWS = 10


def configure(actions: Any) -> None:
    """Add the action."""
    show = add_action(
        actions,
        "show",
        "show what is in a snapshot, and its rows",
        "Shows what a snapshot holds, with a few rows of each subset. With --rows, --subset, --where or "
        "--text it shows rows in full instead.",
    )
    add_snapshot(show)
    show.add_argument("--samples", type=int, default=2, help="rows of each subset; default %(default)s")
    show.add_argument("--rows", type=int, metavar="N", help=f"show up to N rows in full; default {_ROWS}")
    show.add_argument(
        "--subset",
        action="append",
        dest="subsets",
        metavar="NAME",
        help="rows of this subset; may be repeated",
    )
    show.add_argument(
        "--where", metavar="SQL", help='only rows for which this holds, such as "agreement < 0.6"'
    )
    show.add_argument(
        "--text", metavar="WORDS", help="only rows whose messages have all these words, in any case"
    )
    show.add_argument("--json", action="store_true", help="print the manifest, or each row as a line of JSON")
    show.add_argument(
        "--verify",
        action="store_true",
        help="compare every file with its checksum; exit with 1 if one differs",
    )
    add_root(show)


def show_snapshot(arguments: Namespace) -> int:
    """Print the content or the rows of a snapshot."""
    from plaudit_consumers.datasets.manifest import (  # noqa: PLC0415  # loads Arrow when used
        read_manifest,
        verify_snapshot,
    )

    folder = snapshot_folder(arguments.snapshot, arguments)
    manifest = (verify_snapshot if arguments.verify else read_manifest)(folder)
    if any(
        value is not None for value in (arguments.rows, arguments.subsets, arguments.where, arguments.text)
    ):
        return _show_rows(folder, manifest, arguments)
    if arguments.json:
        print(manifest.text(), end="")
        return OK
    from rich.console import Console  # noqa: PLC0415

    from plaudit_consumers.datasets.show import snapshot_tables  # noqa: PLC0415

    Console().print(snapshot_tables(folder, arguments.samples))
    return OK


def _show_rows(folder: Path, manifest: "Manifest", arguments: Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415

    from plaudit_consumers.datasets.plan import subsets_of  # noqa: PLC0415
    from plaudit_consumers.datasets.searching import RowSearch, find_rows, words_of  # noqa: PLC0415
    from plaudit_consumers.datasets.show_rows import row_json, row_tables  # noqa: PLC0415

    left = _ROWS if arguments.rows is None else arguments.rows
    if left < 1:
        raise SettingsError("--rows must be at least 1")
    console, found = Console(), 0
    for subset in subsets_of(arguments.subsets):
        search = RowSearch(
            subset, where=arguments.where, words=words_of(arguments.text or ""), limit=left - found
        )
        rows = find_rows(folder, manifest, search)
        found += len(rows)
        if arguments.json:
            print("".join(row_json(row) + "\n" for row in rows), end="")
        else:
            console.print(row_tables(rows))
    if not found and not arguments.json:
        print("no row fits")
    return OK
