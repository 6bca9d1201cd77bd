"""The folder in which an output is built, beside it: it becomes the output, or nothing is left."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from plaudit_schemas.settings.location import parse_location

from plaudit_consumers.datasets.errors import (
    DatasetError,
    DiskFullError,
    OutputExistsError,
    OutputPlaceError,
    first_line,
)
from plaudit_consumers.disk import fsync_path

_SUFFIX: Final = ".building"
_TRIES: Final = 100
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS: Final = ("no space left", "disk quota exceeded", "out of disk", "errno 28", "errno: 28")


@contextmanager
def aside_of(output: Path, what: str = "snapshot") -> Iterator[Path]:
    """A folder beside the output. It becomes the output at the end, and is removed after a failure.

    What a killed build left beside the output is removed first. A running build holds a lock on its folder.

    Args:
        what: the output is, for errors.

    Raises:
        OutputExistsError: the output exists.
        DiskFullError: the disk of the output is full.
        DatasetError: the output cannot be written.
    """
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} exists; a {what} is never overwritten: name another folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(output.parent)
        aside, lock = _locked_folder(output)
    except OSError as error:
        raise _written(error, output, what) from None
    try:
        yield aside
        _publish(aside, output)
    except OSError as error:
        raise _written(error, output, what) from error
    except DatasetError as error:
        # DuckDB and Arrow tell of a full disk in words only.
        if any(text in str(error).lower() for text in _FULL_TEXTS):
            raise _full(output, first_line(error), what) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        os.close(lock)


def check_apart(root: str, output: Path) -> None:
    """Refuse an output in the root, or around it, also by way of symlinks.

    Raises:
        OutputPlaceError: it is.
    """
    try:
        location = parse_location(root)
    except ValueError:
        return  # whoever reads the root says so
    if not isinstance(location, Path):
        return
    inner, outer = output.resolve(), location.resolve()
    if _holds(outer, inner):
        raise OutputPlaceError(
            f"{output} lies in the root {root}, whose files sinks and readers take for conversations; name a "
            "folder outside it"
        )
    if _holds(inner, outer):
        raise OutputPlaceError(f"the root {root} lies in {output}; name a folder outside it")


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove the folders of killed builds, and return them. Those of running builds are locked."""
    removed = []
    for folder in sorted(parent.glob(f".*{_SUFFIX}")):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                removed.append(folder)
            finally:
                os.close(lock)
    return removed


def _holds(outer: Path, inner: Path) -> bool:
    """Whether `inner` is `outer` or lies in it, by identity: names may differ in case or by a mount."""
    try:
        identity = outer.stat()
    except OSError:
        return False
    for folder in (inner, *inner.parents):
        with suppress(OSError):
            if os.path.samestat(folder.stat(), identity):
                return True
    return False


def _locked_folder(output: Path) -> tuple[Path, int]:
    """A new folder and the lock on it. The lock is on the folder itself, so that none is left without one."""
    for _ in range(_TRIES):
        # In the same folder as the output, because a rename does not cross file systems.
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=_SUFFIX, dir=output.parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another build may have taken it for abandoned before it was locked.
            if os.path.samestat(os.fstat(lock), folder.stat()):
                return folder, lock
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            return folder, lock  # a network disk without locks: there nothing is taken for abandoned either
        os.close(lock)
    raise OSError(errno.EBUSY, "other builds keep removing the folder")


def _publish(aside: Path, output: Path) -> None:
    aside.chmod(0o777 & ~_umask())  # mkdtemp allows only the owner to read it
    for path in [*aside.rglob("*"), aside]:
        fsync_path(path)
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} was created meanwhile; name another folder")
    aside.rename(output)
    fsync_path(output.parent)


def _umask() -> int:
    """What this process takes away from others; it can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _written(error: OSError, output: Path, what: str) -> DatasetError:
    if error.errno in _FULL or any(text in str(error).lower() for text in _FULL_TEXTS):
        return _full(output, first_line(error), what)
    return DatasetError(f"the {what} cannot be written to {output.parent}: {error.strerror or error}")


def _full(output: Path, told: str, what: str) -> DiskFullError:
    with suppress(OSError):
        told = f"{shutil.disk_usage(output.parent).free >> 20} MB free, {told}"
    return DiskFullError(
        f"the disk of {output.parent.absolute()} is full ({told}): the {what} and its temporary files are "
        "made there; free some space, or name an --output on a larger disk"
    )
