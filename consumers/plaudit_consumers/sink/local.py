"""An output on a local disk, or on a file system that is mounted like one."""

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from plaudit_consumers.disk import sync
from plaudit_consumers.sink.errors import OutputError
from plaudit_consumers.sink.names import HIDDEN
from plaudit_consumers.sink.output import Conflict, Version, unavailable
from plaudit_consumers.sink.scratch import Scratch

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
_TAIL = b"PAR1"


class LocalOutput:
    """Files are written aside, fsynced and linked into place; markers change under a lock of their own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._scratch = Scratch(root / HIDDEN / "aside")
        except OSError as error:
            raise OutputError(
                f"{root} cannot be written ({error.strerror}); name another folder with --output"
            ) from None
        self.scratch = self._scratch.path

    def check(self) -> None:
        probe = f"{HIDDEN}/probe-{uuid.uuid4().hex}"
        try:
            self.replace(probe, b"probe")
            (self._root / probe).unlink()
        except OutputError as error:
            raise OutputError(
                str(error).replace("; the sink waits", "; the sink needs to write here")
            ) from None

    def paths(self, folder: str) -> list[str]:
        base = self._root / folder
        return sorted(
            path.relative_to(self._root).as_posix() for path in base.rglob("*") if not path.is_dir()
        )

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def damaged(self, path: str) -> bool:
        with (self._root / path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_TAIL)))
            return size < 12 or file.read() != _TAIL

    def publish(self, file: Path, path: str) -> bool:
        target = self._root / path
        with unavailable(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if target.exists():
                    return False
                file.rename(target)
            file.unlink(missing_ok=True)
            for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
                sync(folder)
        return True

    def open(self, path: str) -> Any:
        return str(self._root / path)

    def load(self, path: str) -> tuple[bytes, Version] | None:
        with suppress(FileNotFoundError), unavailable_reading(path):
            data = (self._root / path).read_bytes()
            return data, data.decode(errors="surrogateescape")
        return None

    def swap(self, path: str, data: bytes, version: Version | None) -> Version:
        with unavailable(path), self._locked(path):
            loaded = self.load(path)
            if (None if loaded is None else loaded[1]) != version:
                raise Conflict(path)
            self._write(path, data)
        return data.decode()

    def replace(self, path: str, data: bytes) -> None:
        with unavailable(path):
            self._write(path, data)

    def close(self) -> None:
        self._scratch.close()

    def _write(self, path: str, data: bytes) -> None:
        aside, target = self.scratch / uuid.uuid4().hex, self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(target)
        finally:
            aside.unlink(missing_ok=True)
        sync(target.parent)

    @contextmanager
    def _locked(self, path: str) -> Iterator[None]:
        lock = self._root / (path + ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


@contextmanager
def unavailable_reading(path: str) -> Iterator[None]:
    """As `unavailable`, but a missing file is the caller's business."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror})") from error
