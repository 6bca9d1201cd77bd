"""Files of the local stack are their owner's alone: logs, AOF and Parquet files hold what people said."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OTHERS = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """Within it, this process and those that it starts make files and folders for their owner alone.

    It sets the umask, which each process inherits: whatever a server writes, it need not know about it.
    """
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def make_private(folder: Path) -> None:
    """Make a data folder, or close one to others: what an earlier release left in it may be readable to all.

    A folder that holds more than a stack, such as /tmp, stays as it is. What we make in it is closed.

    Raises:
        OSError: it cannot be made.
    """
    if _is_shared(folder):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # somebody else's folder, which they let us use
        folder.chmod(0o700)


def _is_shared(folder: Path) -> bool:
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    here = folder.resolve()
    sticky = bool(here.stat().st_mode & stat.S_ISVTX)
    work = Path.cwd()
    return sticky or here in (Path.home(), work, *work.parents) or not (folder / "lock").exists()
