"""`plaudit datasets`: build immutable snapshots of the live root, compare, show, name and publish them."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK, Command

from plaudit_consumers.commands import dataset_names, dataset_push, dataset_show
from plaudit_consumers.commands.build_options import add_rule_options
from plaudit_consumers.commands.dataset_notes import print_notes
from plaudit_consumers.commands.dataset_options import (
    add_root,
    add_snapshot,
    ended_as_by_ctrl_c,
    required_root,
    snapshot_folder,
)


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _configure_build(actions)
    diff = actions.add_parser(
        "diff",
        help="show what changed from one snapshot to another",
        description="Compares two snapshots row by row. The revision of a row, and where and when it came "
        "from, do not count as differences.",
    )
    add_snapshot(diff, "before", "A")
    add_snapshot(diff, "after", "B")
    add_root(diff)
    diff.add_argument(
        "--examples", type=int, default=3, help="rows of each kind to list; default %(default)s"
    )
    diff.add_argument("--json", action="store_true", help="print one JSON object")
    dataset_show.configure(actions)
    dataset_names.configure(actions)
    dataset_push.configure(actions)


def _configure_build(actions: Any) -> None:
    build = actions.add_parser(
        "build",
        help="build an immutable snapshot for training",
        description="Writes a snapshot: the latest revision of each conversation as of a time, with what was "
        "said of it later. Training rows are made for the whole snapshot by one set of rules: the votes on "
        "the same answer are added up, and rows are split by user. Erased conversations are left out, and "
        "those whose consent was denied are left out of the training subsets, even if that happened later. "
        "The same rows and options give the same bytes. Files of an object store are copied to this machine "
        "first.",
    )
    add_root(build)
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
        'must have the columns: with "vote_weight >= 0.8", select the training subsets with --subset',
    )
    build.add_argument(
        "--where-conversation",
        metavar="SQL",
        help="only what was said in conversations that meet this condition counts; it is over the columns of "
        "conversations, such as \"source <> 'import'\"",
    )
    build.add_argument("--split", default="90/5/5", help="train/validation/test; default %(default)s")
    build.add_argument(
        "--salt", default="plaudit", help="a different salt gives a different split; default %(default)s"
    )
    build.add_argument(
        "--memory-mb", type=int, default=1024, help="how much memory DuckDB may use; default %(default)s"
    )
    build.add_argument(
        "--threads", type=int, help="threads of DuckDB; default: as many as cores and memory allow"
    )
    build.add_argument(
        "--name", metavar="NAME", help="give the snapshot this name, as `plaudit datasets tag` does"
    )
    build.add_argument("--json", action="store_true", help="print the manifest")
    add_rule_options(build)


def run(arguments: Namespace) -> int:
    return _ACTIONS[arguments.action](arguments)


def _build(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.build import build_snapshot  # noqa: PLC0415  # loads DuckDB when used
    from plaudit_consumers.datasets.options import plan_of  # noqa: PLC0415

    root = required_root(arguments)
    if arguments.name is not None:
        dataset_names.open_register(root).check_free(arguments.name)
    with ended_as_by_ctrl_c():
        manifest = build_snapshot(root, plan_of(arguments))
    if arguments.name is not None:
        dataset_names.open_register(root).tag(arguments.output, arguments.name, datetime.now(UTC))
    print_notes(manifest, root, arguments)
    if arguments.json:
        print(manifest.text(), end="")
        return OK
    print(f"{arguments.output}: as of {manifest.as_of}")
    for subset, rows in manifest.rows.items():
        counts = ", ".join(f"{split} {count}" for split, count in rows.items()) or "no rows"
        print(f"  {subset:<17} {counts}")
    if manifest.judgements():
        print(f"  judgements        {manifest.judgements()}")
    if manifest.amendments:
        print(f"  amendments        {manifest.late_words()}")
    return OK


def _diff(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.difference import compare_snapshots  # noqa: PLC0415  # loads DuckDB when used

    before, after = (snapshot_folder(text, arguments) for text in (arguments.before, arguments.after))
    found = compare_snapshots(before, after, examples=arguments.examples)
    if arguments.json:
        print(json.dumps({subset: asdict(each) for subset, each in found.items()}, indent=2))
        return OK
    print(f"{'subset':<17}{'same':>10}{'added':>10}{'removed':>10}{'changed':>10}{'moved':>10}")
    for subset, each in found.items():
        print(
            f"{subset:<17}{each.same:>10}{each.added:>10}{each.removed:>10}{each.changed:>10}{each.moved:>10}"
        )
        for fate, names in each.examples.items():
            for name in names:
                # Names come from producers. Escaped to ASCII, they cannot send sequences to the terminal.
                print(f"    {fate}: {json.dumps(name, ensure_ascii=True)}")
    return OK


_ACTIONS = {
    "build": _build,
    "diff": _diff,
    "show": dataset_show.show_snapshot,
    "tag": dataset_names.tag_snapshot,
    "list": dataset_names.list_names,
    "log": dataset_names.print_log,
    "push": dataset_push.push_to_hub,
}
COMMAND = Command("datasets", "build, compare, show, name and publish snapshots for training", configure, run)
