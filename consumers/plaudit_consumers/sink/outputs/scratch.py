"""Folders for files in the making. The next sink removes those of killed ones."""

import fcntl
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"


class ScratchFolder:
    """A folder of this process under `base`, held by a lock that ends with the process.

    Attributes:
        path: the folder.
    """

    def __init__(self, base: Path) -> None:
        """Raises OSError where the folder cannot be made."""
        base.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(base)
        self.path = base / uuid.uuid4().hex
        self.path.mkdir()
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(base: Path) -> None:
    for folder in base.iterdir():
        # A folder that another sink is just making has no lock yet: it is left alone.
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
