"""The places of values that count apart, in Redis. All workers share them (metrics.label_limit)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from plaudit_schemas.service.redis import RedisClient, Script, execute

from plaudit_stream_processors.metrics.generations import DAY_MS, LabelGeneration
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_names import KINDS
from plaudit_stream_processors.state.keys import (
    cleared_key,
    clears_key,
    place_days_key,
    places_key,
    since_key,
)

CLEAR_AFTER_MS: Final = 60_000
"""How long after a command clears places they are free, by the clock of Redis.

A worker reads the clears after it has fetched a batch. So each batch whose worker does not know a clear has
events of before it only, even if the clocks of Kafka and Redis differ by this.
"""


class HeldPlaces(NamedTuple):
    """The places that an application holds of one kind: value -> the last day on which it was seen."""

    kind: str
    application: str
    values: Mapping[str, int]


class LabelPlaces:
    """Gives places, frees them, and lists them."""

    def __init__(self, client: RedisClient, prefix: str, keeps_ms: Callable[[], int] = lambda: 0) -> None:
        """`keeps_ms` says how long the log may keep an event, which the audit folds again; 0 is forever."""
        self._client, self._prefix, self._keeps_ms = client, prefix, keeps_ms
        self._admit = Script("plaudit_stream_processors.state", "admit_labels")

    async def admit(
        self, kind: str, generation: LabelGeneration, values: Sequence[tuple[OwnValue, int]], cleared_ms: int
    ) -> list[bool] | None:
        """As `metrics.label_limit.Admission`, with the number of places of the application beside each value.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        day, prefix, keeps_ms = generation.day, self._prefix, self._keeps_ms()
        keys = [
            *(key(prefix, kind, at) for key in (places_key, since_key) for at in (day, day - 1)),
            cleared_key(prefix),
            clears_key(prefix),
            place_days_key(prefix),
            places_key(prefix, kind, day + 1),
        ]
        arguments: list[str | int] = [
            kind, day, day * DAY_MS, generation.begin_ms, keeps_ms and keeps_ms + 2 * DAY_MS
        ]  # fmt: skip
        for value, limit in values:
            arguments += (*value, limit)
        newest, *answers = await self._admit(self._client, keys, arguments)
        if int(newest) > cleared_ms:
            return None
        return [bool(answer) for answer in answers]

    async def clears(self) -> list[int]:
        """When places were cleared, in ms, ascending. Raises redis.exceptions.RedisError."""
        return [int(at) for at in await execute(self._client, "ZRANGE", clears_key(self._prefix), 0, -1)]

    async def days(self) -> list[int]:
        """The days that have places, since 1970, ascending. Raises redis.exceptions.RedisError."""
        return [
            int(day) for day in await execute(self._client, "ZRANGE", place_days_key(self._prefix), 0, -1)
        ]

    async def held(self) -> list[HeldPlaces]:
        """Which places are held: those of the newest day and of the day before, less what was cleared.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        days = await self.days()
        if not days:
            return []
        flat = await execute(self._client, "HGETALL", cleared_key(self._prefix))
        cleared = {name: int(at) for name, at in _pairs(flat)}
        found = []
        for kind in KINDS:
            values: defaultdict[str, dict[str, int]] = defaultdict(dict)
            for day in (days[-1] - 1, days[-1]):
                for place, since_ms in (await self.places(kind, day)).items():
                    if since_ms >= cleared.get(f"{kind}\0{place.application}".encode(), 0):
                        values[place.application][place.value] = day
            found += [HeldPlaces(kind, application, held) for application, held in sorted(values.items())]
        return found

    async def places(self, kind: str, day: int) -> dict[OwnValue, int]:
        """The places of a day, with the time since when each is held, in ms.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        members = await execute(self._client, "ZRANGE", places_key(self._prefix, kind, day), 0, -1)
        since = dict(_pairs(await execute(self._client, "HGETALL", since_key(self._prefix, kind, day))))
        return {
            OwnValue(*member.decode().split("\0", maxsplit=1)): int(since.get(member, day * DAY_MS))
            for member in members
        }

    async def clear(self, places: Iterable[tuple[str, str]], reached_ms: int = 0) -> int:
        """Give the places of kinds and applications back. Returns from when on, in ms.

        What holds one now counts apart until the end of the day, but keeps no place from others.

        Args:
            reached_ms: the latest record timestamp that is folded: Kafka's clock may be ahead of Redis'.

        Raises:
            redis.exceptions.RedisError: Redis does not answer; clear them again.
        """
        seconds, micros = await execute(self._client, "TIME")
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        at_ms = max(now_ms, reached_ms) + CLEAR_AFTER_MS
        fields = [part for kind, application in places for part in (f"{kind}\0{application}", at_ms)]
        if fields:
            # First what is cleared: a worker that knows the time must find it.
            await execute(self._client, "HSET", cleared_key(self._prefix), *fields)
            await execute(self._client, "ZADD", clears_key(self._prefix), at_ms, at_ms)
        return at_ms


def _pairs(flat: object) -> Iterable[tuple[bytes, bytes]]:
    return flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)  # type: ignore[index]  # a list
