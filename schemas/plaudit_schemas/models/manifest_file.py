"""Reads and writes `plaudit-model.yaml`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from plaudit_schemas.contract.aspect_file_problems import yaml_problem
from plaudit_schemas.contract.yaml_text import load_yaml
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.manifest import MANIFEST_NAME, ModelManifest
from plaudit_schemas.models.manifest_problems import manifest_problem

MOST_BYTES: Final = 1 << 20


def read_manifest(folder: Path) -> tuple[ModelManifest, str]:
    """The manifest of a model's folder, and the sha256 of its file.

    Raises:
        ModelError: there is no manifest, or it cannot be read.
        ModelCheckError: it breaks a rule of the format.
    """
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ModelError(f"{folder} is no folder of a model: it has no {MANIFEST_NAME}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    return parse_manifest(data, str(path)), hashlib.sha256(data).hexdigest()


def parse_manifest(data: bytes, source: str) -> ModelManifest:
    """A manifest from the bytes of its file.

    Args:
        source: names the file in errors.

    Raises:
        ModelCheckError: it breaks a rule of the format.
    """
    document = document_of(data, source)
    if "format" not in document:
        raise ModelCheckError(f"{source} is not valid: format: is missing; write `format: 1`")
    return checked_manifest(document, source)


def document_of(data: bytes, source: str) -> dict[str, Any]:
    """The fields of a manifest's file, not yet checked.

    Args:
        source: names the file in errors.

    Raises:
        ModelCheckError: it has none.
    """
    if len(data) > MOST_BYTES:
        raise ModelCheckError(f"{source} is larger than {MOST_BYTES} bytes; it holds no manifest")
    try:
        document = load_yaml(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ModelCheckError(f"{source} is not text in UTF-8") from None
    except yaml.YAMLError as error:
        raise ModelCheckError(f"{source} is no YAML: {yaml_problem(error)}") from None
    except RecursionError:
        raise ModelCheckError(f"{source} is nested too deeply") from None
    if not isinstance(document, dict):
        raise ModelCheckError(f"{source} is not valid: it must have fields such as `name` and `version`")
    return document


def checked_manifest(document: Mapping[str, Any], source: str) -> ModelManifest:
    """A manifest from its fields.

    Raises:
        ModelCheckError: they break a rule of the format.
    """
    if document.get("format", 1) != 1 or document.get("format") is True:
        raise ModelCheckError(
            f"{source} has format {document['format']!r}, and this version of Plaudit reads format 1; "
            "update it"
        )
    try:
        return ModelManifest.model_validate(document)
    except ValidationError as error:
        raise ModelCheckError(f"{source} is not valid: {manifest_problem(error, ModelManifest)}") from None


def manifest_text(manifest: ModelManifest) -> str:
    """A manifest as the text of its file."""
    return yaml.safe_dump(manifest.document(), sort_keys=False, allow_unicode=True, width=110)


def write_manifest(folder: Path, manifest: ModelManifest) -> str:
    """Write the manifest of a folder, and return the sha256 of the file."""
    data = manifest_text(manifest).encode()
    (folder / MANIFEST_NAME).write_bytes(data)
    return hashlib.sha256(data).hexdigest()
