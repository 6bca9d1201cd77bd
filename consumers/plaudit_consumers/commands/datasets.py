"""`plaudit datasets`: build an immutable snapshot of the live root, compare two snapshots, or show one."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from plaudit_consumers.sink.settings import SinkSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _configure_build(actions)
    diff = actions.add_parser(
        "diff",
        help="show what changed from one snapshot to another",
        description="Compares two snapshots row by row. The revision of a row, and where and when it came "
        "from, do not count as differences.",
    )
    diff.add_argument("before", type=Path, metavar="A")
    diff.add_argument("after", type=Path, metavar="B")
    diff.add_argument(
        "--examples", type=int, default=3, help="rows of each kind to list; default %(default)s"
    )
    diff.add_argument("--json", action="store_true", help="print one JSON object")
    show = actions.add_parser(
        "show",
        help="show what is in a snapshot",
        description="Shows what a snapshot holds, with a few rows of each subset.",
    )
    show.add_argument("folder", type=Path, metavar="DIR")
    show.add_argument("--samples", type=int, default=2, help="rows of each subset; default %(default)s")
    show.add_argument("--json", action="store_true", help="print the manifest")
    show.add_argument(
        "--verify",
        action="store_true",
        help="compare every file with its checksum; exit with 1 if one differs",
    )


def _configure_build(actions: Any) -> None:
    build = actions.add_parser(
        "build",
        help="build an immutable snapshot for training",
        description="Writes a snapshot: the latest revision of each conversation as of a time, with what was "
        "said of it later, without duplicates, split by user. Erased conversations are left out, and those "
        "whose consent was denied are left out of the training subsets, even if that happened later. The "
        "same rows and options give the same bytes. Files of an object store are copied to this machine "
        "first.",
    )
    build.add_argument(
        "--root", help="the output of the sink: a folder, or s3://, gs://, az://; default: PLAUDIT_OUTPUT"
    )
    build.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="the folder of the snapshot; must not exist"
    )
    build.add_argument(
        "--as-of",
        metavar="TIME",
        help="only rows that the broker received up to this time (ISO 8601); default: all",
    )
    build.add_argument(
        "--subset", action="append", dest="subsets", metavar="NAME", help="only this subset; may be repeated"
    )
    build.add_argument(
        "--where",
        metavar="SQL",
        help="a condition over the columns of a row, such as \"licence = 'cc-by-4.0'\"; the struct "
        "`conversation` has the facts of its conversation: \"conversation.source = 'sdk'\". Every subset "
        'must have the columns: with "weight >= 0.8", select the training subsets with --subset',
    )
    build.add_argument("--split", default="90/5/5", help="train/validation/test; default %(default)s")
    build.add_argument(
        "--min-agreement",
        type=float,
        metavar="X",
        help="only training rows with at least this agreement (0 to 1)",
    )
    build.add_argument(
        "--salt", default="plaudit", help="a different salt gives a different split; default %(default)s"
    )
    build.add_argument(
        "--memory-mb", type=int, default=1024, help="how much memory DuckDB may use; default %(default)s"
    )
    build.add_argument(
        "--threads", type=int, help="threads of DuckDB; default: as many as cores and memory allow"
    )
    build.add_argument("--json", action="store_true", help="print the manifest")


def run(arguments: Namespace) -> int:
    return _ACTIONS[arguments.action](arguments)


def _build(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.build import build_snapshot  # noqa: PLC0415  # loads DuckDB when used
    from plaudit_consumers.datasets.plan import plan_of  # noqa: PLC0415

    root = arguments.root or load(SinkSettings).output
    if not root:
        raise SettingsError("--root or PLAUDIT_OUTPUT is missing: name the output of the sink")
    manifest = build_snapshot(root, plan_of(arguments))
    if arguments.json:
        print(manifest.text(), end="")
        return OK
    print(f"{arguments.output}: as of {manifest.as_of}")
    for subset, rows in manifest.rows.items():
        counts = ", ".join(f"{split} {count}" for split, count in rows.items()) or "no rows"
        print(f"  {subset:<14} {counts}")
    if manifest.amendments:
        print(f"  amendments     {manifest.late_words()}")
    return OK


def _diff(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.difference import compare_snapshots  # noqa: PLC0415  # loads DuckDB when used

    found = compare_snapshots(arguments.before, arguments.after, examples=arguments.examples)
    if arguments.json:
        print(json.dumps({subset: asdict(each) for subset, each in found.items()}, indent=2))
        return OK
    print(f"{'subset':<14}{'same':>10}{'added':>10}{'removed':>10}{'changed':>10}{'moved':>10}")
    for subset, each in found.items():
        print(
            f"{subset:<14}{each.same:>10}{each.added:>10}{each.removed:>10}{each.changed:>10}{each.moved:>10}"
        )
        for fate, names in each.examples.items():
            for name in names:
                # Names come from producers. Escaped to ASCII, they cannot send sequences to the terminal.
                print(f"    {fate}: {json.dumps(name, ensure_ascii=True)}")
    return OK


def _show(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.manifest import (  # noqa: PLC0415  # loads Arrow when used
        read_manifest,
        verify_snapshot,
    )

    manifest = (verify_snapshot if arguments.verify else read_manifest)(arguments.folder)
    if arguments.json:
        print(manifest.text(), end="")
        return OK
    from rich.console import Console  # noqa: PLC0415

    from plaudit_consumers.datasets.show import snapshot_tables  # noqa: PLC0415

    Console().print(snapshot_tables(arguments.folder, arguments.samples))
    return OK


_ACTIONS = {"build": _build, "diff": _diff, "show": _show}
COMMAND = Command("datasets", "build, compare and show snapshots for training", configure, run)
