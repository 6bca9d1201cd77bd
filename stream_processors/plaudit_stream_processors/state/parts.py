"""Conversations that are too large for one answer of Redis, read in parts.

A part is some MiB, so Redis serves others in between, and a reader holds one part beside the state.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, NamedTuple

import orjson
from plaudit_schemas.contract.limits import OVERGROWN_BYTES
from plaudit_schemas.service.redis import Argument, RedisClient, Script, execute

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.state.fields import conversation_of, conversation_of_documents

LARGE: Final = b"large"
"""What a script answers for a hash that must be read in parts (`hashes.lua`)."""
LATER: Final = b"later"
"""What a script answers for a hash that did not fit into its answer."""

_TRIES: Final = 5


class PartOwner(NamedTuple):
    """Who reads, where nobody else writes meanwhile.

    Attributes:
        position: the key of the partition's position.
        holding: epoch and committed offset, as `load.lua` takes them.
        check: is given the outcome of each read; raises where it is not `ok`.
    """

    position: str
    holding: Sequence[Argument]
    check: Callable[[str], None]


class PartReader:
    """Reads large conversations. Of an overgrown one it reads what is said of it, but none of its messages.

    The fold needs no more of that: it refuses whatever would need them (`fold.last_words`).
    """

    def __init__(self, client: RedisClient) -> None:
        """Connects on first use."""
        self._client = client
        self._script = Script("plaudit_stream_processors.state", "part")

    async def read(self, key: str, name: str, owner: PartOwner | None = None) -> ConversationState | None:
        """One conversation; None where there is none.

        Without an owner it is read again where it has changed meanwhile, some times at most.

        Args:
            key: `application/conversation id`.
            name: of the hash.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.
        """
        state = None
        for _ in range(_TRIES):
            before = await execute(self._client, "HGET", name, "progress")
            state = None if before is None else await self._read_once(key, name, owner, before)
            if owner is not None or before == await execute(self._client, "HGET", name, "progress"):
                break
        return state

    async def _read_once(
        self, key: str, name: str, owner: PartOwner | None, progress: bytes
    ) -> ConversationState:
        used = orjson.loads(progress).get("bytes")
        if used is None:  # written by rules before version 5
            sizes = {field: size async for field, size in self._fields(name, "sizes", owner)}
            used = sum(size for field, size in sizes.items() if b":" in field)
        if used >= OVERGROWN_BYTES:
            facts = await execute(self._client, "HMGET", name, "conversation", "votes")
            found = zip((b"progress", b"conversation", b"votes"), (progress, *facts), strict=True)
            state = conversation_of(key, {field: value for field, value in found if value is not None})
            state.used = used
            return state
        documents, size = {}, 0
        async for field, value in self._fields(name, "values", owner):
            documents[field] = orjson.loads(value)
            size += len(value)
        return conversation_of_documents(key, documents, size)

    async def _fields(
        self, name: str, what: str, owner: PartOwner | None
    ) -> AsyncIterator[tuple[bytes, Any]]:
        """Fields and values, or sizes of values. A field may come twice."""
        keys, holding = ([name], ["", 0]) if owner is None else ([name, owner.position], owner.holding)
        cursor: Argument = 0
        left: Sequence[Argument] = ()
        while True:
            outcome, *found = await self._script(self._client, keys, [cursor, what, *holding, *left])
            if owner is not None:
                owner.check(outcome.decode())
            cursor, flat, left = found
            for at in range(0, len(flat), 2):
                yield flat[at], flat[at + 1]
            if int(cursor) == 0 and not left:
                return
