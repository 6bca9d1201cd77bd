"""The files of models, for `plaudit models publish` and `rollback`."""

import hashlib
from argparse import Namespace
from pathlib import Path

from plaudit_schemas.errors import ModelError, PublicationError
from plaudit_schemas.models.cache_settings import ModelCacheSettings
from plaudit_schemas.models.files import check_files
from plaudit_schemas.models.folder_cache import FolderCache
from plaudit_schemas.models.locations import ModelPlace
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.settings import load


def folder_at(location: str, sha256: str) -> Path:
    """The folder at a location, with its files proved. May download them.

    Raises:
        ModelError: the location cannot be read.
        ModelCheckError: it has other files than the manifest of this sha256 lists.
    """
    folder = FolderCache.of(load(ModelCacheSettings)).fetch(location, sha256)
    manifest, _ = read_manifest(folder)
    check_files(folder, manifest.files)
    return folder


def sha256_at(location: str) -> str:
    """The sha256 of the manifest at a location.

    Raises:
        ModelError: it is not there, or cannot be read.
    """
    return hashlib.sha256(ModelPlace(location).manifest_bytes()).hexdigest()


def check_still_there(location: str, sha256: str) -> None:
    """Refuse a published model whose files cannot be had.

    Raises:
        PublicationError: they are gone, or are others.
    """
    try:
        folder_at(location, sha256)
    except ModelError as error:
        raise PublicationError(
            f"{error}; publish the folder from another place, or use --force if scorers can read it there"
        ) from None


def published_location(arguments: Namespace, folder: Path, sha256: str) -> str:
    """Where scorers will find a folder that is published: as the options say.

    Raises:
        ModelError: it cannot be copied there.
        PublicationError: another folder is there.
    """
    from plaudit_schemas.models.copying import copy_model  # noqa: PLC0415  # rarely used

    if arguments.copy_to is not None:
        return str(copy_model(folder, arguments.copy_to))
    place = ModelPlace(arguments.location or arguments.folder)
    if arguments.location is not None:
        _compare(place, sha256)
    return str(place)


def _compare(place: ModelPlace, sha256: str) -> None:
    """Refuse a place with another folder. A path of other machines cannot be compared."""
    data = place.find_manifest()
    if data is None and place.folder is None:
        raise PublicationError(f"{place} holds no model; `--copy-to` copies the folder to an object store")
    if data is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise PublicationError(f"{place} holds another model than the folder")
