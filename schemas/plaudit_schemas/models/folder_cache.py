"""The folders of models on this machine: those of object stores are copied here, and kept for some time."""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from plaudit_schemas.cache import default_cache
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.cache_settings import ModelCacheSettings
from plaudit_schemas.models.files import check_files
from plaudit_schemas.models.locations import ModelPlace
from plaudit_schemas.models.manifest import MANIFEST_NAME
from plaudit_schemas.models.manifest_file import parse_manifest

_PART: Final = ".part-"
_KEPT_S: Final = 3600.0
"""A folder that was asked for within this time is not deleted: a process may be about to load it."""


class FolderCache:
    """Gives the folder of a model, wherever its files lie. Several processes may use one cache."""

    def __init__(self, folder: Path, most_bytes: int, clock: Callable[[], float] = time.time) -> None:
        """Writes nothing yet.

        Args:
            most_bytes: what it may hold; only folders that were used in the last hour may exceed it.
            clock: in seconds since 1970, as the times of files.
        """
        self._folder, self._most_bytes, self._clock = folder, most_bytes, clock

    @classmethod
    def of(cls, settings: ModelCacheSettings) -> Self:
        """The cache that the settings name."""
        folder = Path(settings.model_cache) if settings.model_cache else default_cache() / "models"
        return cls(folder, settings.model_cache_mb << 20)

    def fetch(self, location: str, sha256: str) -> Path:
        """The folder of a model on this machine. Blocks while it is downloaded.

        A folder that lies on this machine is given as it is; whoever loads it checks its files.

        Args:
            location: a path, or a URL with file://, s3://, gs:// or az://.
            sha256: of its `plaudit-model.yaml`.

        Raises:
            ModelError: the files are gone or cannot be read, or this machine's disk cannot be written to.
            ModelCheckError: other files are there than were published.
        """
        place = ModelPlace(location)
        if place.folder is not None:
            _check_hash(place, place.manifest_bytes(), sha256)
            return place.folder
        kept = self._folder / sha256
        if self._is_whole(kept):
            return kept
        try:
            self._download(place, sha256, kept)
            self.clean()
        except OSError as error:
            raise ModelError(
                f"{self._folder} cannot be written ({error.strerror}); make room, or set PLAUDIT_MODEL_CACHE"
            ) from None
        return kept

    def clean(self) -> None:
        """Delete what was not used for longest, until the rest fits, and what killed processes left.

        Raises:
            OSError: the folder cannot be read.
        """
        now = self._clock()
        kept: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process deletes, too
                used_s = path.stat().st_mtime
                if not path.name.startswith(_PART):
                    kept.append((used_s, _size(path), path))
                elif now - used_s > _KEPT_S:
                    shutil.rmtree(path, ignore_errors=True)
        total = sum(size for _, size, _ in kept)
        for used_s, size, path in sorted(kept):
            if total <= self._most_bytes or now - used_s <= _KEPT_S:
                return
            shutil.rmtree(path, ignore_errors=True)
            total -= size

    def _is_whole(self, kept: Path) -> bool:
        """Whether a folder is there with all its files. A damaged one is deleted."""
        if not kept.exists():
            return False
        try:
            data = (kept / MANIFEST_NAME).read_bytes()
            check_files(kept, parse_manifest(data, str(kept)).files)
            os.utime(kept, (self._clock(), self._clock()))
            if hashlib.sha256(data).hexdigest() == kept.name:
                return True
        except (ModelError, OSError):
            pass  # the store has it whole
        shutil.rmtree(kept, ignore_errors=True)
        return False

    def _download(self, place: ModelPlace, sha256: str, kept: Path) -> None:
        data = place.manifest_bytes()
        _check_hash(place, data, sha256)
        # Names of files are safe to use as paths: the manifest refuses others.
        files = parse_manifest(data, f"{MANIFEST_NAME} of {place}").files
        part = self._folder / f"{_PART}{uuid.uuid4().hex}"
        part.mkdir(parents=True)
        try:
            for name, expected in files.items():
                place.download(name, part / name, expected)
            (part / MANIFEST_NAME).write_bytes(data)
            part.rename(kept)
        except OSError:
            if not kept.exists():  # else another process was faster
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _check_hash(place: ModelPlace, data: bytes, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelCheckError(
            f"{place} holds another model than was published from there; put the published files back, or "
            "publish this one under another version"
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
