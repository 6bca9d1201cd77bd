"""A model that is named on the command line: by its folder, or by the name of a published one."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plaudit_schemas.models.packages import runtime_package
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.commands.model_options import open_registry

if TYPE_CHECKING:
    from plaudit_schemas.models.model import OnnxModel

CHOICE = "FOLDER|NAME[@VERSION]"
CHOICE_HELP = "the folder of a model, or the name of a published one; without a version its newest"


def add_model_settings(parser: ArgumentParser) -> None:
    """Add the flags of the runtime, and of Kafka, where published models are looked up."""
    add_arguments(
        parser,
        RuntimeSettings,
        ConnectionSettings,
        main=("onnx_provider", "bootstrap_servers", "topic_prefix"),
    )


@contextmanager
def opened(text: str, arguments: Namespace) -> Iterator["OnnxModel"]:
    """The model, loaded and proved. A published one may be downloaded first.

    Raises:
        SettingsError: ONNX Runtime is not installed as it must be.
        ModelError: the folder cannot be used.
        NotFoundError: no such model was published.
    """
    settings = load(RuntimeSettings, arguments)
    runtime_package()
    from plaudit_schemas.models.model import open_model  # noqa: PLC0415  # loads ONNX Runtime when used

    model = open_model(folder_of(text, arguments), settings)
    try:
        yield model
    finally:
        model.close()


def folder_of(text: str, arguments: Namespace) -> Path:
    """The folder that a name stands for.

    Raises:
        ModelError: a published folder cannot be read.
        NotFoundError: no such model was published.
    """
    folder = Path(text)
    if folder.is_dir() or {"/", os.sep} & set(text):
        return folder
    from plaudit_schemas.models.registry import version_of  # noqa: PLC0415  # loads Kafka's client when used

    from plaudit_consumers.commands.model_files import folder_at  # noqa: PLC0415  # loads obstore

    name, _, version = text.partition("@")
    with open_registry(arguments) as registry:
        known = registry.known(name)
    newest = next((each.version for each in reversed(known) if each.version), "")
    found = version_of(known, name, version or newest)
    return folder_at(found.location, found.sha256)
