"""Looks through live conversations, newest first, a bounded number at a time.

Redis is asked for pieces of the sorted sets and for one conversation in each call, so that it never stands
still for a search, whatever the search is for.
"""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final, NamedTuple

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.service.recorded_line import partitions_key
from plaudit_schemas.service.redis import connect, execute
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.queries.answering import answering
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import ConversationStore

_TIMEOUT_S: Final = 5.0
_PIECE: Final = 64
_AT_ONCE: Final = 8
_BEFORE_ALL: Final = "inf"


class LookPlace(NamedTuple):
    """Where a look stopped: the next one goes on below it.

    Attributes:
        moment_ms: last activity of an open conversation, or the end of an ended one.
    """

    moment_ms: int
    key: str

    def text(self) -> str:
        """The place as a text for a link."""
        return f"{self.moment_ms}~{self.key}"

    @classmethod
    def parse(cls, text: str) -> "LookPlace":
        """The place of a text.

        Raises:
            ValueError: it is none.
        """
        moment, tilde, key = text.partition("~")
        if not tilde or not key or not moment.isascii() or not moment.isdigit() or len(moment) > 16:
            raise ValueError("is no place of a search")
        return cls(int(moment), key)


class LookLimits(NamedTuple):
    """What ends one look: conversations found, conversations read, ids passed, bytes read, and seconds."""

    found: int = 20
    read: int = 400
    passed: int = 20_000
    size: int = 64 << 20
    seconds: float = 3.0


USUAL_LIMITS: Final = LookLimits()


class Look(NamedTuple):
    """What one look found.

    Attributes:
        found: those that fit, newest first, each with its moment in milliseconds.
        looked: how many of the application it read.
        place: where to go on; None at the end.
        reached_ms: how far back it has come; None if it met nothing.
    """

    found: list[tuple[int, ConversationState]]
    looked: int
    place: LookPlace | None
    reached_ms: int | None


class LiveLook:
    """Searches live conversations in Redis, in one event loop. Connects at the first call."""

    def __init__(self, connection: ConnectionSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._topic, self._prefix, self._clock = (
            connection.topic_prefix + EVENTS,
            connection.redis_prefix,
            clock,
        )
        self._client = connect(connection.redis_url.get_secret_value(), timeout_s=_TIMEOUT_S)
        self._store = ConversationStore(self._client, prefix=self._prefix, state_retention_ms=0)

    async def look(
        self,
        application: str,
        fits: Callable[[ConversationState], bool],
        after: LookPlace | None = None,
        limits: LookLimits = USUAL_LIMITS,
    ) -> Look:
        """Read conversations of an application, newest first, until a limit is met.

        Conversations that were erased, or whose content has expired, are passed over.

        Args:
            after: where an earlier look stopped.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        with answering():
            return await self._look(application, fits, after, limits)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _look(
        self,
        application: str,
        fits: Callable[[ConversationState], bool],
        after: LookPlace | None,
        limits: LookLimits,
    ) -> Look:
        ends = self._clock() + limits.seconds
        found: list[tuple[int, ConversationState]] = []
        looked = passed = size = 0
        place = after
        waiting: list[tuple[LookPlace, int]] = []
        newest = self._newest_first(after)
        try:
            async for next_place, partition in newest:
                passed += 1
                place = next_place
                if next_place.key.startswith(f"{application}/"):
                    waiting.append((next_place, partition))
                if len(waiting) >= _AT_ONCE or (waiting and passed >= limits.passed):
                    states = await self._states(waiting)
                    looked, waiting = looked + len(waiting), []
                    size += sum(state.size for _, state in states)
                    found += [each for each in states if fits(each[1])]
                full = len(found) >= limits.found or looked >= limits.read or size >= limits.size
                if not waiting and (full or passed >= limits.passed or self._clock() > ends):
                    return Look(found, looked, place, place.moment_ms)
        finally:
            await newest.aclose()  # type: ignore[attr-defined]  # an async generator
        states = await self._states(waiting)
        found += [each for each in states if fits(each[1])]
        return Look(found, looked + len(waiting), None, place.moment_ms if place else None)

    async def _states(self, places: list[tuple[LookPlace, int]]) -> list[tuple[int, ConversationState]]:
        loaded = await asyncio.gather(*(self._state(place.key, partition) for place, partition in places))
        return [
            (place.moment_ms, state)
            for (place, _), state in zip(places, loaded, strict=True)
            if state is not None and not state.erased and not state.is_expired()
        ]

    async def _state(self, key: str, partition: int) -> ConversationState | None:
        with suppress(ValueError, KeyError, PlauditError):  # one that cannot be read must not end the search
            return (await self._store.load_conversations(partition, [key])).get(key)
        return None

    async def _newest_first(self, after: LookPlace | None) -> AsyncIterator[tuple[LookPlace, int]]:
        """All conversations of all partitions, merged. Conversations that move meanwhile may come twice."""
        recorded = await execute(self._client, "HGET", partitions_key(self._prefix), self._topic)
        partitions = range(int(recorded or 0))
        sets = [
            self._set(name, partition, after)
            for partition in partitions
            for name in _sorted_sets(self._prefix, partition)
        ]
        heap: list[tuple[int, list[int], int, LookPlace, int]] = []
        for number, first in enumerate(await asyncio.gather(*(anext(each, None) for each in sets))):
            if first is not None:
                heapq.heappush(heap, _entry(number, *first))
        while heap:
            *_, number, place, partition = heapq.heappop(heap)
            yield place, partition
            following = await anext(sets[number], None)
            if following is not None:
                heapq.heappush(heap, _entry(number, *following))

    async def _set(
        self, name: str, partition: int, after: LookPlace | None
    ) -> AsyncIterator[tuple[LookPlace, int]]:
        """One sorted set from its newest member on, in pieces."""
        place, size = after, _PIECE
        while True:
            highest = _BEFORE_ALL if place is None else place.moment_ms
            flat = await execute(
                self._client, "ZREVRANGEBYSCORE", name, highest, "-inf", "WITHSCORES", "LIMIT", 0, size
            )
            members = [LookPlace(int(float(score)), key.decode()) for key, score in _pairs(flat)]
            fresh = [each for each in members if place is None or each < place]
            for each in fresh:
                yield each, partition
            if len(members) < size:
                return
            place = fresh[-1] if fresh else place
            size = _PIECE if fresh else 2 * size  # many of one moment


def _sorted_sets(prefix: str, partition: int) -> tuple[str, str]:
    keys = partition_keys(prefix, partition)
    return keys.open, keys.ended


def _entry(number: int, place: LookPlace, partition: int) -> tuple[int, list[int], int, LookPlace, int]:
    # Redis gives members of one score in the reverse order of their bytes.
    return -place.moment_ms, [-byte for byte in place.key.encode()], number, place, partition


def _pairs(flat: list[object]) -> list[tuple[bytes, float]]:
    # Clients differ: some return a flat list, others pairs.
    if flat and not isinstance(flat[0], (list, tuple)):
        return list(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[arg-type]  # of Redis
    return [tuple(each) for each in flat]  # type: ignore[arg-type,misc]  # likewise
