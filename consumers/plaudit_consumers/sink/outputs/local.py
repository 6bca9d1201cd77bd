"""An output on a local disk, or on a file system that is mounted like one."""

import errno
import fcntl
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from plaudit_consumers.disk import DurableFolders, fsync_path, list_files
from plaudit_consumers.sink.errors import ForeignFileError, OutputError
from plaudit_consumers.sink.layout import ASIDE, HIDDEN
from plaudit_consumers.sink.outputs.output import FileVersion, VersionConflict, reason_of, unavailable
from plaudit_consumers.sink.outputs.scratch import ScratchFolder

# Errors of a file system that has no hard links, or allows no more of them.
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
_MAGIC: Final = b"PAR1"
_SMALLEST_PARQUET: Final = 12
"""In bytes: the magic at both ends (4 each) and the length of the footer (4)."""


class LocalOutput:
    """Files are written to a scratch folder, synced and linked into place. Each marker has a file lock."""

    def __init__(self, root: Path) -> None:
        """Raises OutputError if the folder cannot be written."""
        self._root = root
        try:
            self._folders = DurableFolders(root)
            self._scratch = ScratchFolder(root / ASIDE)
        except OSError as error:
            raise OutputError(
                f"{root} cannot be written ({error.strerror}); name another folder with --output"
            ) from None
        self.scratch = self._scratch.path

    def check_usable(self) -> None:
        probe = f"{HIDDEN}/probe-{uuid.uuid4().hex}"
        try:
            self._write(probe, b"probe")
            (self._root / probe).unlink()
        except OSError as error:
            raise OutputError(
                f"{probe} cannot be written ({reason_of(error)}); the sink must be able to write here"
            ) from None

    def paths(self, folder: str, *, but: Collection[str] = ()) -> list[str]:
        with unavailable(folder, "read"):
            files, odd = list_files(self._root / folder, {self._root / each for each in but})
        for path, reason in odd.items():
            raise ForeignFileError(f"{path.relative_to(self._root)} {reason}; move it out of the output")
        return [path.relative_to(self._root).as_posix() for path in files]

    def looks_damaged(self, path: str) -> bool:
        # Parsing every footer would make the start slow, and the end alone shows a file that was cut off.
        with (self._root / path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_MAGIC)))
            return size < _SMALLEST_PARQUET or file.read() != _MAGIC

    def publish(self, file: Path, path: str) -> bool:
        target = self._root / path
        with unavailable(path):
            self._folders.ensure(target.parent)
            try:
                # A link fails if the target exists, unlike a rename: check and publication are one step.
                os.link(file, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise OutputError(
                        f"{target.parent} lies on another file system than {HIDDEN}, and no file can move "
                        "there in one step; replace the symlink or mount by a folder"
                    ) from None
                if error.errno not in _NO_LINKS:
                    raise
                if target.exists():  # not atomic: without links only the marker's claim keeps two sinks apart
                    return False
                file.rename(target)
            file.unlink(missing_ok=True)
            fsync_path(target.parent)
        return True

    def open_file(self, path: str) -> Any:
        return str(self._root / path)

    def load(self, path: str) -> tuple[bytes, FileVersion] | None:
        try:
            data = (self._root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path} cannot be read ({error.strerror})") from error
        # The content serves as the version. A damaged marker need not be UTF-8, and must still load.
        return data, data.decode(errors="surrogateescape")

    def swap(self, path: str, data: bytes, version: FileVersion | None) -> FileVersion:
        with unavailable(path), self._locked(path):
            loaded = self.load(path)
            if (None if loaded is None else loaded[1]) != version:
                raise VersionConflict(path)
            self._write(path, data)
        return data.decode()

    def replace(self, path: str, data: bytes) -> None:
        with unavailable(path):
            self._write(path, data)

    def close(self) -> None:
        self._scratch.close()

    def _write(self, path: str, data: bytes) -> None:
        aside, target = self.scratch / uuid.uuid4().hex, self._root / path
        self._folders.ensure(target.parent)
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(target)
        finally:
            aside.unlink(missing_ok=True)
        fsync_path(target.parent)

    @contextmanager
    def _locked(self, path: str) -> Iterator[None]:
        # A file of its own, because `_write` replaces the marker's file, and with it a lock on it.
        lock = self._root / (path + ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)  # also releases the lock
