"""Where API keys are stored: in a file, in Kafka for a fleet, or, as the release before did, in Redis.

Each store is read as a whole. A gateway keeps the keys in memory and reads them again every `REFRESH_S`. So a
request costs no look-up, and a revoked key is refused after that time.
"""

import contextlib
import fcntl
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plaudit_schemas.settings import data_folder
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.gateway.access.api_keys import ApiKey
from plaudit_producers.gateway.access.key_books import (
    EMPTY,
    ApiKeys,
    KeyBook,
    book_text,
    lacking,
    merged,
    read_book,
)
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_producers.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from plaudit_producers.gateway.access.redis_key_store import RedisKeyStore

REFRESH_S: Final = 2.0
"""Between two readings of the keys by a gateway, in seconds."""

FILE_NAME: Final = "gateway-keys.json"


class KeyStore(ABC):
    """Stores all API keys. Every call may block on disk, Kafka or Redis, and may raise KeyStoreError.

    Any number of processes may use one store; several threads may use one object.
    """

    @abstractmethod
    def read(self) -> KeyBook:
        """Everything in the store."""

    @abstractmethod
    def write(self, addition: KeyBook) -> None:
        """Add keys and revocations. What is there stays, and what was revoked stays revoked."""

    def require(self) -> None:  # noqa: B027  # most stores come by waiting
        """Raise KeyStoreError if the store cannot be used, and waiting will not change that."""

    def close(self) -> None:  # noqa: B027  # most stores hold none
        """Close connections, if there are any."""

    def load(self) -> ApiKeys:
        """The keys that are valid."""
        return self.read().keys

    def add(self, key: ApiKey) -> None:
        """Add a key."""
        self.write(KeyBook({key.id: key}))

    def revoke(self, key_id: str) -> bool:
        """Refuse a key from now on; False if there is no such key.

        An id that is not there is refused too: the key may be in a backup, or in the memory of a gateway.
        """
        there = key_id in self.load()
        self.write(KeyBook({}, frozenset((key_id,))))
        return there

    def read_if_made(self) -> KeyBook:
        """As `read`, but a store that is still to be made is empty."""
        return self.read()

    def restore(self, backup: KeyBook) -> KeyBook:
        """Add what a backup has and the store lacks, and return that."""
        addition = lacking(self.read_if_made(), backup)
        if addition.keys or addition.revoked:
            self.write(addition)
        return addition


class FileKeyStore(KeyStore):
    """One JSON file that only its owner may read. It is made by the first key, and must be there to be read.

    A writer replaces the file as a whole, so a reader never sees half of it. A lock file keeps writers apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], KeyBook] | None = None

    def read(self) -> KeyBook:
        try:
            status = self._path.stat()
            # The inode too: a replaced file can have the same size and, on a coarse clock, the same time.
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if self._seen is None or self._seen[0] != version:
                self._seen = version, read_book(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            raise KeyStoreError(
                f"there is no key file {self._path}; `plaudit keys create` makes it, `plaudit keys restore` "
                "takes it from a backup, or set PLAUDIT_GATEWAY_KEYS"
            ) from None
        except OSError as error:
            raise KeyStoreError(f"the key file {self._path} cannot be read: {error.strerror}") from None
        return self._seen[1]

    def require(self) -> None:
        self.read()

    def read_if_made(self) -> KeyBook:
        return self.read() if self._path.exists() else EMPTY

    def write(self, addition: KeyBook) -> None:
        with self._locked():
            # A file that cannot be read is not replaced: a person may be able to mend it.
            write_privately(self._path, book_text(merged(self.read_if_made(), addition)))

    def revoke(self, key_id: str) -> bool:
        self.read()  # a revocation makes no file: most likely the path is wrong
        return super().revoke(key_id)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A lock on the key file itself would be lost when the file is replaced.
            beside = os.open(_beside(self._path, ".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(beside, "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise KeyStoreError(f"the key file {self._path} cannot be written: {error.strerror}") from None


def key_store_of(
    settings: GatewaySettings, connection: ConnectionSettings, *, timeout_s: float = 30.0
) -> KeyStore:
    """The store that the settings name. Does not wait for Kafka or Redis.

    Args:
        timeout_s: how long Kafka or Redis may stay silent before a call raises KeyStoreError.
    """
    if settings.gateway_keys == "redis":
        return _redis_store(connection, timeout_s)
    if settings.gateway_keys == "kafka":
        from plaudit_producers.gateway.access.kafka_key_store import KafkaKeyStore  # noqa: PLC0415  # loads its client

        return KafkaKeyStore(connection, earlier=_redis_store(connection, timeout_s), timeout_s=timeout_s)
    return FileKeyStore(key_file_of(settings))


def key_file_of(settings: GatewaySettings) -> Path:
    """The key file: that of the settings, or the one in the data folder."""
    return Path(settings.gateway_keys) if settings.gateway_keys else data_folder() / FILE_NAME


def _redis_store(connection: ConnectionSettings, timeout_s: float) -> "RedisKeyStore":
    from plaudit_producers.gateway.access.redis_key_store import RedisKeyStore  # noqa: PLC0415  # as above

    url = connection.redis_url.get_secret_value()
    return RedisKeyStore(lambda: _connect_blocking(url, timeout_s), connection.redis_prefix)


def _connect_blocking(url: str, timeout_s: float) -> object:
    from plaudit_schemas.service.redis import connect_blocking  # noqa: PLC0415  # a file store needs no client

    return connect_blocking(url, timeout_s=min(timeout_s, 5.0))


def write_privately(path: Path, content: bytes) -> None:
    """Replace a file as a whole with one that only its owner may read. Raises OSError."""
    aside = _beside(path, f".{os.getpid()}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # before the rename: a power cut must not leave an empty file
    aside.replace(path)


def _beside(path: Path, ending: str) -> Path:
    # Not `with_suffix`: of a key file named `keys.lock` that would be the key file itself.
    return path.with_name(path.name + ending)
