"""Folders for files in the making; those of killed sinks are removed by the next one."""

import fcntl
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

_LOCK = "lock"


class Scratch:
    """A folder of this process under `base`, held by a lock that ends with the process."""

    def __init__(self, base: Path) -> None:
        base.mkdir(parents=True, exist_ok=True)
        _sweep(base)
        self.path = base / uuid.uuid4().hex
        self.path.mkdir()
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(base: Path) -> None:
    for folder in base.iterdir():
        # A folder that another sink is just making has no lock yet: it is left alone.
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
