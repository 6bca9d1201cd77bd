"""`plaudit-encoder.yaml`: what an encoder's folder says of itself."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from plaudit_schemas.errors import ModelCheckError
from plaudit_schemas.models.files import files_of, hash_of
from plaudit_schemas.models.manifest import Sha256
from plaudit_schemas.models.manifest_file import MOST_BYTES, document_of
from plaudit_schemas.models.manifest_problems import manifest_problem
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plaudit_consumers.training.encoders.errors import EncoderError

MANIFEST = "plaudit-encoder.yaml"
GRAPH = "model.onnx"


class EncoderManifest(BaseModel):
    """The fields of `plaudit-encoder.yaml`.

    Attributes:
        format: of this file.
        dimensions: length of a vector.
        max_tokens: how many tokens of a text count. The last ones do, with the special ones.
        languages: that the encoder knows, as BCP 47 tags; empty if its maker did not say.
        made_from: the teacher, or the files that the graph was taken from.
        files: the SHA-256 of each other file of the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    version: Annotated[str, Field(min_length=1, max_length=64)]
    description: str | None = None
    dimensions: Annotated[int, Field(ge=1)]
    max_tokens: Annotated[int, Field(ge=1)]
    languages: tuple[str, ...] = ()
    licence: str | None = None
    made_from: str | None = None
    files: dict[str, Sha256]


def read_manifest(folder: Path) -> EncoderManifest:
    """The manifest of an encoder's folder.

    Raises:
        EncoderError: the folder is no encoder, or its manifest is wrong.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            document = document_of(file.read(MOST_BYTES + 1), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderError(
            f"{folder} is no encoder: it has no {MANIFEST}; make one with `plaudit train encoder`"
        ) from None
    except OSError as error:
        raise EncoderError(f"{path} cannot be read: {error.strerror}") from None
    except ModelCheckError as error:
        raise EncoderError(str(error)) from None
    return checked_manifest(document, str(path))


def checked_manifest(document: object, source: str) -> EncoderManifest:
    """A manifest from its fields.

    Args:
        source: names them in the error.

    Raises:
        EncoderError: a field is wrong, missing or unknown.
    """
    try:
        return EncoderManifest.model_validate(document)
    except ValidationError as error:
        raise EncoderError(f"{source} is not valid: {manifest_problem(error, EncoderManifest)}") from None


def write_manifest(folder: Path, manifest: EncoderManifest) -> None:
    """Write `plaudit-encoder.yaml`."""
    text = yaml.safe_dump(manifest.model_dump(mode="json", exclude_none=True), sort_keys=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a folder but the manifest, in the order of their names.

    Raises:
        ModelError: the folder cannot be read, or holds a link.
    """
    return {name: hash_of(folder / name) for name in sorted(files_of(folder) - {MANIFEST})}


def check_files(folder: Path, manifest: EncoderManifest) -> None:
    """Compare the files of a folder with the hashes in its manifest.

    Raises:
        EncoderError: one is missing, changed or not in the manifest.
        ModelError: one cannot be read, or is a link.
    """
    there = hashes(folder)
    for path in sorted(there.keys() | manifest.files.keys()):
        if path not in there:
            raise EncoderError(
                f"{folder} lacks {path}, which its {MANIFEST} lists; copy the whole folder again"
            )
        if path not in manifest.files:
            raise EncoderError(f"{folder} holds {path}, which its {MANIFEST} does not list; remove it")
        if there[path] != manifest.files[path]:
            raise EncoderError(
                f"{folder / path} was changed or damaged: its sha256 is not that of {MANIFEST}; copy the "
                "whole folder again"
            )
