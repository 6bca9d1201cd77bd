"""Reads many conversations in as few answers as their sizes allow."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from plaudit_schemas.service.redis import RedisClient

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.fields import conversation_of
from plaudit_stream_processors.state.parts import LARGE, LATER, PartOwner, PartReader

Load = Callable[[Sequence[str]], Awaitable[Sequence[Any]]]
"""Runs a script with `hashes.lua` for these keys; returns what it answered for each."""


class HashReader:
    """Reads conversations by scripts whose answers are bounded, and large ones in parts."""

    def __init__(self, client: RedisClient, *, at_once: int) -> None:
        """Takes at most `at_once` conversations in one call of a script."""
        self._parts, self._at_once = PartReader(client), at_once

    async def read(
        self, keys: Sequence[str], prefix: str, load: Load, owner: PartOwner | None = None
    ) -> dict[str, ConversationState]:
        """The conversations of these keys that exist. Calls `load` at least once.

        Args:
            keys: `application/conversation id`.
            prefix: of the hashes' names.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.
        """
        found: dict[str, ConversationState] = {}
        large: list[str] = []
        waiting = list(keys)
        while True:
            chunk, waiting = waiting[: self._at_once], waiting[self._at_once :]
            later: list[str] = []
            for key, flat in zip(chunk, await load(chunk), strict=True):
                if flat == LARGE:
                    large.append(key)
                elif flat == LATER:
                    later.append(key)
                elif flat:
                    found[key] = conversation_of(key, dict(zip(flat[::2], flat[1::2], strict=True)))
            waiting = later + waiting
            if not waiting:
                break
        for key in large:
            state = await self._parts.read(key, prefix + key, owner)
            if state is not None:
                found[key] = state
        return found
