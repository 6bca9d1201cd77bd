"""Folders for files being written. The next sink removes those that killed sinks left behind."""

import fcntl
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"


class ScratchFolder:
    """A folder of this process under `base`, held by a file lock that the process loses when it ends.

    Attributes:
        path: the folder.
    """

    def __init__(self, base: Path) -> None:
        """Raises OSError if the folder cannot be created."""
        base.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(base)
        self.path = base / uuid.uuid4().hex
        self.path.mkdir(mode=0o700)  # it holds files on their way to an object store
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(base: Path) -> None:
    for folder in base.iterdir():
        # Left alone: a folder without a lock file, which a sink is just creating, and one whose lock is held.
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
