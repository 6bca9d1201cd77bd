"""Finds the snapshots that the page shows. A browser names them, and never a path."""

from pathlib import Path
from typing import NamedTuple

from plaudit_consumers.datasets.content import snapshot_id
from plaudit_consumers.datasets.errors import DatasetError
from plaudit_consumers.datasets.manifest import MANIFEST, Manifest, read_manifest
from plaudit_consumers.datasets.reading import readable
from plaudit_consumers.publishing.register import Register, named_folder
from plaudit_consumers.publishing.register_files import RegisterFiles
from plaudit_schemas.errors import PlauditError


class ShownSnapshot(NamedTuple):
    """A snapshot that can be read here. Its name may stand for another one later; its id never does."""

    name: str
    id: str
    folder: Path
    manifest: Manifest


class Shelf:
    """The named snapshots of a root, and those in a folder."""

    def __init__(self, root: str, folder: str) -> None:
        """Reads nothing yet. Both may be empty."""
        self._root, self._folder = root, folder

    def find(self, name: str) -> ShownSnapshot | None:
        """The snapshot with a name that `all` gave."""
        return next((each for each in self.all()[0] if each.name == name), None)

    def all(self) -> tuple[list[ShownSnapshot], list[str]]:
        """Every snapshot that can be read, and in a sentence each why others cannot."""
        found: list[ShownSnapshot] = []
        problems: list[str] = []
        self._add_named(found, problems)
        if self._folder:
            self._add_folder(Path(self._folder), found, problems)
        return found, problems

    def _add_folder(self, folder: Path, found: list[ShownSnapshot], problems: list[str]) -> None:
        if not folder.is_dir():
            problems.append(
                f"{folder} is not a folder; start the console with --snapshots and a folder of snapshots"
            )
        known = {each.folder for each in found}
        # A single snapshot is taken too.
        for path in sorted([*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")]):
            if path.parent.resolve() not in known:
                _add(found, problems, path.parent.resolve().name, path.parent)

    def _add_named(self, found: list[ShownSnapshot], problems: list[str]) -> None:
        if not self._root:
            return
        try:
            current = Register(RegisterFiles(self._root)).current()
        except PlauditError as error:
            problems.append(str(error))
            return
        for name, entry in current.items():
            try:
                folder = named_folder(entry)
            except DatasetError as error:
                problems.append(str(error))
            else:
                _add(found, problems, name, folder)


def _add(found: list[ShownSnapshot], problems: list[str], name: str, folder: Path) -> None:
    name = readable(name)
    while any(each.name == name for each in found):  # a folder may be called as another snapshot is named
        name += " (folder)"
    try:
        manifest = read_manifest(folder)
        found.append(ShownSnapshot(name, snapshot_id(folder), folder.resolve(), manifest))
    except DatasetError as error:
        problems.append(str(error))
