"""Where files are kept that can be fetched or made again."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/plaudit`, or `~/.cache/plaudit`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plaudit"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder if there is none, and keep other processes out of it: they wait.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
