"""The register of named snapshots: append-only, and a name never moves unless somebody says so."""

import getpass
import socket
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from plaudit_consumers.datasets.content import snapshot_id
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import Manifest, read_manifest, verify_snapshot
from plaudit_consumers.publishing.entries import RegisterEntry, check_name, is_name
from plaudit_consumers.publishing.errors import RegisterError, SnapshotNameTakenError, UnknownNameError
from plaudit_consumers.publishing.register_files import RegisterFiles

_TRIES: Final = 5
_SHOWN: Final = 12


class Register:
    """The names of the snapshots of one root."""

    def __init__(self, files: RegisterFiles) -> None:
        self._files = files

    def entries(self, name: str | None = None) -> list[RegisterEntry]:
        """Every entry, of one name or of all, by name and number."""
        return [entry for entry in self._files.entries() if name in (None, entry.name)]

    def current(self) -> dict[str, RegisterEntry]:
        """Name -> the entry that holds."""
        return {entry.name: entry for entry in self._files.entries()}

    def find(self, name: str) -> RegisterEntry:
        """The entry that holds for a name.

        Raises:
            UnknownNameError: there is none.
        """
        current = self.current()
        if name not in current:
            raise UnknownNameError(_unknown(name, current))
        return current[name]

    def check_free(self, name: str) -> None:
        """Check that a name can be given.

        Raises:
            RegisterError: it cannot be a name.
            SnapshotNameTakenError: it stands for a snapshot.
        """
        held = self.current().get(check_name(name))
        if held is not None:
            raise SnapshotNameTakenError(_taken(held))

    def tag(
        self, folder: Path, name: str, now: datetime, *, move: bool = False, note: str = ""
    ) -> RegisterEntry:
        """Give a name to a snapshot, whose files are verified first. The same again changes nothing, unless
        it has another note.

        Args:
            move: let a name that stands for another snapshot stand for this one from now on.

        Raises:
            RegisterError: it cannot be a name.
            SnapshotNameTakenError: the name stands for another snapshot.
            SnapshotError: the snapshot is damaged.
        """
        check_name(name)
        manifest = verify_snapshot(folder)
        for _ in range(_TRIES):
            held = self.current().get(name)
            entry = _entry(name, 1 if held is None else held.number + 1, folder, manifest, now, note)
            if held is not None and _says_the_same(held, entry):
                return held
            # The same content at another place is no other snapshot.
            if held is not None and held.snapshot != entry.snapshot and not move:
                raise SnapshotNameTakenError(_taken(held))
            if self._files.add(entry):
                return entry
        raise RegisterError(f"others keep naming snapshots {name}; try again")


def resolve_snapshot(text: str, root: str | None) -> Path:
    """The folder of a snapshot that is given by its folder or by its name. A folder comes first.

    Args:
        root: the root whose register has the names; None if none is known.

    Raises:
        SnapshotError: there is no such folder and it cannot be a name, or the folder of the name is gone or
            holds another snapshot by now.
        UnknownNameError: the register does not have the name.
    """
    folder = Path(text)
    if folder.exists() or not is_name(text):
        return folder
    if not root:
        raise SnapshotError(
            f"{text} is not a folder; to find a snapshot by its name, set --root or PLAUDIT_OUTPUT"
        )
    entry = Register(RegisterFiles(root)).find(text)
    return named_folder(entry)


def named_folder(entry: RegisterEntry) -> Path:
    """The folder of a named snapshot, which is still the one that was named.

    Raises:
        SnapshotError: it is gone, or was replaced.
    """
    folder = Path(entry.folder)
    if not folder.is_dir():
        raise SnapshotError(
            f"{entry.name} stands for {folder} on {entry.host}, and there is no such folder here; copy the "
            f"snapshot here, and run: plaudit datasets tag FOLDER {entry.name}"
        )
    read_manifest(folder)
    if snapshot_id(folder) != entry.snapshot:
        raise SnapshotError(
            f"{folder} holds another snapshot than the one that was named {entry.name} on {entry.tagged_at}; "
            f"give this one a name of its own, or run: plaudit datasets tag --move {folder} {entry.name}"
        )
    return folder


def _entry(
    name: str, number: int, folder: Path, manifest: Manifest, now: datetime, note: str
) -> RegisterEntry:
    return RegisterEntry(
        name=name,
        number=number,
        snapshot=snapshot_id(folder),
        folder=str(folder.resolve()),
        host=socket.gethostname(),
        as_of=manifest.as_of,
        rows={subset: sum(rows.values()) for subset, rows in manifest.rows.items()},
        tagged_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        tagged_by=_account(),
        note=note,
    )


def _says_the_same(held: RegisterEntry, entry: RegisterEntry) -> bool:
    same = (held.snapshot, held.folder) == (entry.snapshot, entry.folder)
    return same and entry.note in ("", held.note)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have an account
        return ""


def _taken(held: RegisterEntry) -> str:
    return (
        f"{held.name} stands for the snapshot {held.snapshot[:_SHOWN]} in {held.folder} since "
        f"{held.tagged_at}; choose another name, or add --move to let it stand for this one"
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else "`plaudit datasets list` shows the names"
    return f"no snapshot is named {name}, and there is no such folder; {hint}"
