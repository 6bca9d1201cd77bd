"""Copies a model's folder to where scorers find it. The copy is complete once its manifest is there."""

import shutil
import uuid
from pathlib import Path

from plaudit_schemas.errors import ModelError
from plaudit_schemas.models.files import check_files
from plaudit_schemas.models.locations import ModelPlace
from plaudit_schemas.models.manifest import MANIFEST_NAME
from plaudit_schemas.models.manifest_file import parse_manifest


def copy_model(folder: Path, store: str) -> ModelPlace:
    """Copy a folder to `store/name/version`. One that is there already is left as it is.

    Args:
        store: a path, or the URL of an object store, under which models lie.

    Raises:
        ModelError: the folder cannot be read, the place cannot be written to, or holds another model.
        ModelCheckError: the folder is not what its manifest says.
    """
    data = ModelPlace(str(folder.absolute())).manifest_bytes()
    manifest = parse_manifest(data, str(folder / MANIFEST_NAME))
    check_files(folder, manifest.files)
    place = ModelPlace(f"{store.rstrip('/')}/{manifest.name}/{manifest.version}")
    if place.folder is not None and folder.resolve() in place.folder.resolve().parents:
        raise ModelError(f"{place} lies within the folder that is copied; choose a place outside {folder}")
    found = place.find_manifest()
    if found not in (None, data):
        raise ModelError(f"{place} holds another model; give this one another version in {MANIFEST_NAME}")
    if found is None and place.folder is not None:
        _copy_folder(folder, place.folder, data, list(manifest.files))
    elif found is None:
        for name in manifest.files:
            place.upload(name, folder / name)
        place.upload_manifest(data)
    return place


def _copy_folder(folder: Path, target: Path, data: bytes, names: list[str]) -> None:
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        for name in names:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, aside / name)
        (aside / MANIFEST_NAME).write_bytes(data)
        aside.rename(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}; move away what is there") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
