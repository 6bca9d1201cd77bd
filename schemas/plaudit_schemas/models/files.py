"""The files of a model's folder: which there are, and whether they are those that its manifest lists."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.manifest import MANIFEST_NAME


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Compare a folder with the hashes of its manifest.

    Raises:
        ModelCheckError: a file is missing, differs, or is not listed.
        ModelError: a file cannot be read.
    """
    there = files_of(folder)
    for missing in sorted(files.keys() - there):
        raise ModelCheckError(
            f"{folder} lacks {missing}, which its manifest lists; copy the whole folder again"
        )
    for unlisted in sorted(there - files.keys()):
        raise ModelCheckError(
            f"{folder} holds {unlisted}, which its manifest does not list; remove it, or list it in `files`"
        )
    for name, sha256 in files.items():
        if hash_of(folder / name) != sha256:
            raise ModelCheckError(
                f"{folder / name} is not the file that the manifest lists: its sha256 differs; copy the "
                "whole folder again, or make the model again"
            )


def hashes_of(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a folder but its manifest, in the order of their names.

    Raises:
        ModelError: the folder cannot be read.
        ModelCheckError: it holds something else than files and folders.
    """
    return {name: hash_of(folder / name) for name in sorted(files_of(folder))}


def files_of(folder: Path) -> set[str]:
    """The paths of a folder's files within it, without its manifest.

    Raises:
        ModelError: the folder cannot be read.
        ModelCheckError: it holds something else than files and folders.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder")
    found = set()
    try:
        for path in folder.rglob("*"):
            # A link may lead out of the folder, and to another file tomorrow.
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise ModelCheckError(f"{path} is a link or a special file; put the file itself there")
            if path.is_file():
                found.add(path.relative_to(folder).as_posix())
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}") from None
    return found - {MANIFEST_NAME}


def hash_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
