"""`plaudit models check`: load a model's folder, and prove what it promises."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.models.packages import runtime_package
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.settings import add_arguments, load


def configure(actions: Any) -> None:
    """Add the action."""
    check = actions.add_parser(
        "check",
        help="load a model's folder, and prove what it promises",
        description="Loads the folder of a model and says what is wrong with it: its manifest "
        "plaudit-model.yaml, the hashes of its files, its tokenizer, its graph, and the scores that it must "
        "give for its canaries (docs/models.md). It runs on the provider that the settings ask for.",
    )
    check.add_argument("folder", type=Path, metavar="FOLDER", help="the folder with plaudit-model.yaml")
    add_arguments(check, RuntimeSettings, main=("onnx_provider",))


def check_model(arguments: Namespace) -> int:
    """Check a folder."""
    settings = load(RuntimeSettings, arguments)
    runtime_package()
    from plaudit_schemas.models.model import open_model  # noqa: PLC0415  # loads ONNX Runtime when used

    model = open_model(arguments.folder, settings)
    try:
        manifest = model.manifest
        print(
            f"{arguments.folder} is valid: {model.name}@{model.version}, {len(manifest.files)} files, "
            f"{len(manifest.canaries)} canaries, on {model.provider}"
        )
    finally:
        model.close()
    return OK
