"""API keys as the console's accounts: which user a key stands for, and whether it is still valid."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from plaudit_producers.gateway.access.api_keys import ApiKey, key_id_of, matches_key
from plaudit_producers.gateway.access.key_stores import ApiKeys, KeyStore
from plaudit_schemas.service.console import ConsoleUser

_REFRESH_S: Final = 2.0


class Accounts:
    """The keys of the store. While they are in use, they are read again every two seconds."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._keys: ApiKeys = {}
        self._read_at: float | None = None

    async def find_by_secret(self, secret: str) -> ApiKey | None:
        """The key with this secret; None if it is unknown or was revoked.

        Raises:
            KeyStoreError: the store does not answer.
        """
        await self._read()  # a key that was made a moment ago must work
        key = self._keys.get(key_id_of(secret) or "")
        return key if key is not None and matches_key(key, secret) else None

    async def find(self, key_id: str) -> ApiKey | None:
        """A key by its id; None if it was revoked.

        Raises:
            KeyStoreError: the store does not answer.
        """
        if self._read_at is None or self._clock() - self._read_at > _REFRESH_S:
            await self._read()
        return self._keys.get(key_id)

    async def _read(self) -> None:
        self._keys = await asyncio.to_thread(self._store.load)
        self._read_at = self._clock()


def user_of_key(key: ApiKey) -> ConsoleUser:
    """The user that a key stands for."""
    return ConsoleUser(key.name or key.id, key.application, frozenset(key.roles), key.rater)
