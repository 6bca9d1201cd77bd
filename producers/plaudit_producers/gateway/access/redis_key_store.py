"""API keys in Redis, as the release before kept them. Whoever empties Redis loses them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from plaudit_schemas.service.redis import AWAY

from plaudit_producers.gateway.access.key_books import KeyBook, key_document, merged, read_book
from plaudit_producers.gateway.access.key_stores import KeyStore
from plaudit_producers.gateway.errors import KeyStoreError


class RedisKeyStore(KeyStore):
    """One hash in Redis with a field for each key, and a set of the ids that were revoked.

    The release before knows the hash alone, and revokes a key by removing it.
    """

    def __init__(self, connect: Callable[[], Any], prefix: str) -> None:
        """`connect` makes a blocking client; see `plaudit_schemas.service.redis`."""
        self._connect = connect
        self._key, self._revoked_key = f"{prefix}plaudit:api-keys", f"{prefix}plaudit:api-keys-revoked"

    def read(self) -> KeyBook:
        with self._client() as client:
            rows, revoked = client.hgetall(self._key), client.smembers(self._revoked_key)
        book = read_book(b'{"keys":[' + b",".join(rows.values()) + b"]}", f"Redis' {self._key}")
        gone = frozenset(each.decode() for each in revoked)
        return merged(book, KeyBook({}, gone))

    def write(self, addition: KeyBook) -> None:
        with self._client() as client:
            if addition.revoked:
                client.sadd(self._revoked_key, *addition.revoked)
                client.hdel(self._key, *addition.revoked)
            for key_id, key in addition.keys.items():
                client.hset(self._key, key_id, orjson.dumps(key_document(key)))

    def forget(self, key_ids: frozenset[str]) -> None:
        """Remove keys, so that gateways of the release before refuse them too."""
        with self._client() as client:
            client.hdel(self._key, *key_ids)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            with self._connect() as client:
                yield client
        except AWAY as error:
            raise KeyStoreError(f"Redis did not return the API keys ({error})") from None
