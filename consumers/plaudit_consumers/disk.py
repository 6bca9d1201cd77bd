"""Folders and files on a disk: writes that survive a crash of the machine, and listings."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple


def fsync_path(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    # Folders come here too: a new or renamed file survives a power cut only once its folder is synced.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class DurableFolders:
    """Creates folders under a base so that they survive a crash of the machine."""

    def __init__(self, base: Path) -> None:
        """Create the base.

        Raises:
            OSError: it cannot be created.
        """
        self._base = base
        self._synced: set[Path] = set()
        missing = [folder for folder in (base, *base.parents) if not folder.exists()]
        base.mkdir(parents=True, exist_ok=True)
        for folder in (base, *missing):
            fsync_path(folder.parent)

    def ensure(self, folder: Path) -> None:
        """Create a folder under the base, with its parents.

        Raises:
            OSError: it cannot be created or synced.
        """
        if folder in self._synced and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        # Each parent, even of a folder that exists: whoever created it may not have synced it yet.
        while folder != self._base:
            fsync_path(folder.parent)
            self._synced.add(folder)
            folder = folder.parent


class Listing(NamedTuple):
    """What is under a folder.

    Attributes:
        files: sorted, and reached through symlinks too.
        odd: entry -> why it is not listed: a symlink to nothing, a folder that is reached twice, a device.
    """

    files: list[Path]
    odd: dict[Path, str]


def list_files(folder: Path, but: Collection[Path] = ()) -> Listing:
    """List the files under a folder; empty if there is no folder.

    Args:
        but: entries of the folder that are left out, with all that is under them.

    Raises:
        OSError: a folder cannot be read.
    """
    listing = Listing([], {})
    if folder.is_dir():
        _collect(folder, listing, set(), but)
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():
            listing.odd[place] = "is a symlink to nothing"
    listing.files.sort()
    return listing


def _collect(folder: Path, listing: Listing, seen: set[tuple[int, int]], but: Collection[Path] = ()) -> None:
    identity = folder.stat()
    if (identity.st_dev, identity.st_ino) in seen:
        listing.odd[folder] = "is a symlink to a folder that is listed already"
        return
    seen.add((identity.st_dev, identity.st_ino))
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    # Folders come before links to them, so that the link is the odd one.
    for entry in found:
        path = Path(entry.path)
        if path in but:
            continue
        if path.is_dir():
            _collect(path, listing, seen)
        elif path.is_file():
            listing.files.append(path)
        else:
            listing.odd[path] = "is a symlink to nothing" if entry.is_symlink() else "is not a file"
