"""Entries of the register: which snapshot a name stands for, since when. Pure."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Final

from plaudit_consumers.publishing.errors import RegisterError

FOLDER: Final = ".plaudit/names"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PATH: Final = re.compile(rf"{re.escape(FOLDER)}/({_NAME.pattern})/(\d{{6}})\.json")


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One line of the register. It is written once and never changed.

    Attributes:
        number: counts the entries of a name, from 1 on. The last one holds.
        snapshot: the id of the snapshot: the SHA-256 of its manifest.
        folder: where the snapshot lay when it was named, as an absolute path.
        host: the machine of that folder.
        as_of: the time that the snapshot goes up to; None if it has no rows.
        rows: subset -> number of rows.
        tagged_at: when the name was given, in ISO 8601.
        tagged_by: the account that gave it; empty if the system does not tell.
        note: what the person said about it.
    """

    name: str
    number: int
    snapshot: str
    folder: str
    host: str
    as_of: str | None
    rows: dict[str, int]
    tagged_at: str
    tagged_by: str = ""
    note: str = ""

    @property
    def path(self) -> str:
        """The path of the entry's file under the root."""
        return f"{FOLDER}/{self.name}/{self.number:06}.json"

    def text(self) -> str:
        """The text of the entry's file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def is_name(text: str) -> bool:
    """Whether a text can be the name of a snapshot."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """The name itself.

    Raises:
        RegisterError: it cannot be a name.
    """
    if not is_name(text):
        raise RegisterError(
            f"{text!r} cannot be the name of a snapshot: use up to 64 of a-z, 0-9, '.', '_' and '-', and "
            "begin with a letter or a digit, such as support-2026.11"
        )
    return text


def parse_entry_path(path: str) -> tuple[str, int] | None:
    """The name and the number in the path of an entry; None if the path is of something else."""
    found = _PATH.fullmatch(path)
    return None if found is None else (found[1], int(found[2]))


def parse_entry(path: str, content: bytes) -> RegisterEntry:
    """Read an entry's file.

    Raises:
        RegisterError: it is damaged, or of a newer version.
    """
    try:
        entry = RegisterEntry(**json.loads(content))
        readable = entry.path == path and isinstance(entry.rows, dict)
    except (ValueError, TypeError):
        readable = False
    if not readable:
        raise RegisterError(
            f"{path} of the root is damaged, or was written by a newer version; read it with that version, "
            "or move it away"
        )
    return entry
