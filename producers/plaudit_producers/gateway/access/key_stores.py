"""Where API keys are stored: in a file, or in Redis for a fleet of gateways.

The file is the default, because it survives the loss of Redis. Both stores return all keys at once. A gateway
keeps them in memory and reads them again every `REFRESH_S`. So a request costs no look-up, and a revoked key
is refused after that time.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from plaudit_schemas.settings.connection import ConnectionSettings
from pydantic import ValidationError

from plaudit_producers.gateway.access.api_keys import ApiKey
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_producers.gateway.settings import GatewaySettings

REFRESH_S: Final = 2.0
"""Between two readings of the keys by a gateway, in seconds."""

ApiKeys = Mapping[str, ApiKey]
"""Key id -> key."""


class KeyStore(Protocol):
    """Stores all API keys. Every call may block on the disk or on Redis, and may raise KeyStoreError."""

    def load(self) -> ApiKeys: ...
    def add(self, key: ApiKey) -> None: ...

    def revoke(self, key_id: str) -> bool:
        """Remove a key; False if there is no such key."""


class FileKeyStore:
    """One JSON file that only its owner may read.

    A writer replaces the file as a whole, so a reader never sees half of it. A lock file keeps writers apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], ApiKeys] | None = None

    def load(self) -> ApiKeys:
        try:
            status = self._path.stat()
            # The inode too: a replaced file can have the same size and, on a coarse clock, the same time.
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if self._seen is None or self._seen[0] != version:
                self._seen = version, _parse_keys(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise KeyStoreError(f"the key file {self._path} cannot be read: {error.strerror}") from None
        return self._seen[1]

    def add(self, key: ApiKey) -> None:
        with self._changing() as keys:
            keys[key.id] = key

    def revoke(self, key_id: str) -> bool:
        with self._changing() as keys:
            return keys.pop(key_id, None) is not None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """Yields the keys; writes them to the file when the block has changed them."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A lock on the key file itself would be lost when the file is replaced.
            with self._beside(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = dict(self.load())
                yield keys
                self._replace_file(keys)
        except OSError as error:
            raise KeyStoreError(f"the key file {self._path} cannot be written: {error.strerror}") from None

    def _replace_file(self, keys: ApiKeys) -> None:
        document = {"keys": [_document(key) for key in keys.values()]}
        aside = self._beside(f".{os.getpid()}.new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())  # before the rename: a power cut must not leave an empty key file
        aside.replace(self._path)

    def _beside(self, ending: str) -> Path:
        # Not `with_suffix`: of a key file named `keys.lock` that would be the key file itself.
        return self._path.with_name(self._path.name + ending)


class RedisKeyStore:
    """One hash in Redis with a field for each key."""

    def __init__(self, connect: Callable[[], Any], prefix: str) -> None:
        """`connect` makes a blocking client; see `plaudit_schemas.service.redis`."""
        self._connect = connect
        self._key = f"{prefix}plaudit:api-keys"

    def load(self) -> ApiKeys:
        with self._client() as client:
            rows = client.hgetall(self._key)
        return _parse_keys(b'{"keys":[' + b",".join(rows.values()) + b"]}", f"Redis' {self._key}")

    def add(self, key: ApiKey) -> None:
        with self._client() as client:
            client.hset(self._key, key.id, orjson.dumps(_document(key)))

    def revoke(self, key_id: str) -> bool:
        with self._client() as client:
            return bool(client.hdel(self._key, key_id))

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        from plaudit_schemas.service.redis import AWAY  # noqa: PLC0415  # a file store needs no Redis client

        try:
            with self._connect() as client:
                yield client
        except AWAY as error:
            raise KeyStoreError(f"Redis did not return the API keys ({error})") from None


def _document(key: ApiKey) -> dict[str, Any]:
    # A gateway of an earlier release refuses a field that it does not know, so it is only written if set.
    return key.model_dump(mode="json", exclude_none=True)


def key_store_of(settings: GatewaySettings, connection: ConnectionSettings) -> KeyStore:
    """The store that the settings name."""
    if settings.gateway_keys == "redis":
        return RedisKeyStore(
            lambda: _connect_blocking(connection.redis_url.get_secret_value()), connection.redis_prefix
        )
    return FileKeyStore(Path(settings.gateway_keys))


def _connect_blocking(url: str) -> Any:
    from plaudit_schemas.service.redis import connect_blocking  # noqa: PLC0415  # as above

    return connect_blocking(url)


def _parse_keys(text: bytes, place: str) -> ApiKeys:
    try:
        keys = [ApiKey.model_validate(row) for row in orjson.loads(text)["keys"]]
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        problem = str(error).splitlines()[0]
        raise KeyStoreError(f"{place} holds no API keys that can be read ({problem})") from None
    return {key.id: key for key in keys}
