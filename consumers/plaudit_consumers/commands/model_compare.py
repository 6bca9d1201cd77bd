"""`plaudit models compare`: two versions on the same judged answers."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import NotFoundError, SettingsError

from plaudit_consumers.commands.dataset_options import (
    add_root,
    ended_as_by_ctrl_c,
    required_root,
    snapshot_folder,
)
from plaudit_consumers.commands.model_choice import CHOICE, CHOICE_HELP, add_model_settings, folder_of, opened

_KINDS = ("user", "reviewer", "model")
_SPLITS = ("train", "validation", "test")


def configure(actions: Any) -> None:
    """Add the action."""
    compare = actions.add_parser(
        "compare",
        help="compare two models on the same judged answers",
        description="Lets two models, such as two versions, score the same answers that people judged, and "
        "shows how much better the second one agrees with the people, with 95 % intervals. With --snapshot "
        "these are the rows held out for tests, of kto and preference. With --root they are all judged "
        "answers, also those that a model may have learnt from: then it looks better than it is.",
    )
    compare.add_argument("first", metavar=CHOICE, help=CHOICE_HELP)
    compare.add_argument("second", metavar=CHOICE, help="the model to compare with it")
    add_root(compare)
    compare.add_argument("--snapshot", metavar="SNAPSHOT", help="the folder or the name of a snapshot")
    compare.add_argument(
        "--split",
        choices=_SPLITS,
        default="test",
        help="rows of the snapshot; models learn from train and validation; default %(default)s",
    )
    compare.add_argument(
        "--raters",
        default="user,reviewer",
        help="kinds of raters whose word counts with --root, comma-separated; default %(default)s",
    )
    compare.add_argument(
        "--since",
        metavar="TIME",
        help="with --root: only answers that were first judged at this time or later (ISO 8601)",
    )
    compare.add_argument("--json", action="store_true", help="print one JSON object")
    add_model_settings(compare)


def compare_models(arguments: Namespace) -> int:
    """Compare two models."""
    from plaudit_consumers.datasets.plan import moment_of  # noqa: PLC0415  # loads Arrow when used
    from plaudit_consumers.ranking.comparing import compare_versions  # noqa: PLC0415
    from plaudit_consumers.ranking.documents import comparison_document, comparison_lines  # noqa: PLC0415
    from plaudit_consumers.ranking.judged_sources import judged_of_root, judged_of_snapshot  # noqa: PLC0415

    raters = raters_of(arguments.raters)
    since = None if arguments.since is None else moment_of(arguments.since, "--since")
    if arguments.snapshot is not None and (arguments.root is not None or since is not None):
        raise SettingsError("--snapshot takes neither --root nor --since; its rows are those of a split")
    with (
        ended_as_by_ctrl_c(),
        opened(arguments.first, arguments) as first,
        opened(arguments.second, arguments) as second,
    ):
        manifests = (first.manifest, second.manifest)
        if arguments.snapshot is not None:
            folder = snapshot_folder(arguments.snapshot, arguments)
            source = judged_of_snapshot(folder, manifests, arguments.split)
        else:
            source = judged_of_root(required_root(arguments), manifests, raters, since)
        with source as judged:
            compared = compare_versions(first, second, judged)
    if arguments.json:
        print(json.dumps(comparison_document(manifests, compared), indent=2))
    else:
        print("\n".join(comparison_lines(manifests, compared)))
    return OK


def compare_with_published(arguments: Namespace, name: str, folder: Path) -> None:
    """Print how a folder stands to the version of the model that was published last, if there is one.

    Raises:
        PlauditError: as `compare_models`.
    """
    from plaudit_consumers.ranking.comparing import compare_versions  # noqa: PLC0415  # loads Arrow when used
    from plaudit_consumers.ranking.documents import comparison_lines  # noqa: PLC0415
    from plaudit_consumers.ranking.judged_sources import judged_of_root  # noqa: PLC0415

    try:
        before = folder_of(name, arguments)
    except NotFoundError:
        print(f"no version of {name} was published before, so there is nothing to compare with")
        return
    with (
        opened(str(before), arguments) as first,
        opened(str(folder), arguments) as second,
        judged_of_root(
            arguments.compare_root, (first.manifest, second.manifest), raters_of("user,reviewer"), None
        ) as judged,
    ):
        compared = compare_versions(first, second, judged)
    print("\n".join(comparison_lines((first.manifest, second.manifest), compared)))


def raters_of(text: str) -> frozenset[str]:
    """Parse the kinds of raters.

    Raises:
        SettingsError: one is unknown, or none is named.
    """
    found = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not found or not found <= set(_KINDS):
        raise SettingsError(f"--raters {text!r} is not a list of {', '.join(_KINDS)}")
    return found
