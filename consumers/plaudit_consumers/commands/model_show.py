"""`plaudit models show`: what the folder of a model says of itself, or what was published."""

import json
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.models.describing import described
from plaudit_schemas.models.manifest_file import read_manifest

from plaudit_consumers.commands.model_options import add_connection
from plaudit_consumers.commands.model_published import show_published


def configure(actions: Any) -> None:
    """Add the action."""
    show = actions.add_parser(
        "show",
        help="show what a model says of itself, or what was published of it",
        description="Shows the manifest of a folder, or the history of a published model. It neither loads "
        "the model nor compares its files; `plaudit models check` does.",
    )
    show.add_argument(
        "model",
        metavar="FOLDER|NAME[@VERSION]",
        help="the folder with plaudit-model.yaml, or the name of a published model",
    )
    show.add_argument("--explain", action="store_true", help="say what each field means")
    show.add_argument("--json", action="store_true", help="print JSON; times in ms since 1970")
    add_connection(show)


def show_model(arguments: Namespace) -> int:
    """Show a model."""
    folder = Path(arguments.model)
    if not (folder.is_dir() or {"/", os.sep} & set(arguments.model)):
        return show_published(arguments)
    manifest, sha256 = read_manifest(folder)
    if arguments.json:
        print(json.dumps({**manifest.document(), "sha256": sha256}, indent=2))
    else:
        print("\n".join(described(manifest, sha256, explain=arguments.explain)))
    return OK
