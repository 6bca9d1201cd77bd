"""API keys as the console's accounts: which user a key stands for, and whether it is still valid."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from plaudit_producers.gateway.access.api_keys import ApiKey, key_id_of, matches_key
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_schemas.service.console import ConsoleUser

_REFRESH_S: Final = 2.0
_AFTER_FAILURE_S: Final = 15.0
"""A store that is away takes seconds to say so, and people must not wait for it at every click."""


class Accounts:
    """The keys of the store. While they are in use, they are read again every two seconds.

    Attributes:
        known: the keys, which outlive a store that is away.
    """

    def __init__(self, known: KnownKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self.known, self._clock = known, clock
        self._due_at: float | None = None
        self._reading = asyncio.Lock()

    async def find_by_secret(self, secret: str) -> ApiKey | None:
        """The key with this secret; None if it is unknown or was revoked.

        Raises:
            KeyStoreError: the store does not answer, and the key was not known before.
        """
        answered = await self._read()  # a key that was made a moment ago must work
        key = (self.known.keys or {}).get(key_id_of(secret) or "")
        if key is not None and matches_key(key, secret):
            return key
        if not answered:
            raise KeyStoreError(self.known.problem or "the store of API keys does not answer")
        return None

    async def find(self, key_id: str) -> ApiKey | None:
        """A key by its id; None if it was revoked.

        Raises:
            KeyStoreError: the store does not answer, and has never done so.
        """
        if self._is_due():
            async with self._reading:
                if self._is_due():  # nobody else has read while this one waited
                    await self._read()
        if self.known.keys is None:
            raise KeyStoreError(self.known.problem or "the store of API keys does not answer")
        return self.known.keys.get(key_id)

    def _is_due(self) -> bool:
        return self._due_at is None or self._clock() > self._due_at

    async def _read(self) -> bool:
        answered = await asyncio.to_thread(self.known.read)
        self._due_at = self._clock() + (_REFRESH_S if answered else _AFTER_FAILURE_S)
        return answered


def user_of_key(key: ApiKey) -> ConsoleUser:
    """The user that a key stands for."""
    return ConsoleUser(key.name or key.id, key.application, frozenset(key.roles), key.rater)
