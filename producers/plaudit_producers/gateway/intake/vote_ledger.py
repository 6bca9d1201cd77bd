"""What the gateway has sent of the votes of Open WebUI, in Redis: to find those that changed or are gone.

Losing it loses no vote. All are then sent again, under the same event ids, which changes nothing. Only votes
that were deleted meanwhile are not found any more.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY

SETTLED_S: Final = 60.0
"""A vote that came within this time may be missing in a list that was made before it came."""


class KnownVote(NamedTuple):
    """What Kafka has of one vote.

    Attributes:
        user_id: empty if the vote names none.
        kinds: the kinds of value that it gave.
        version: when the vote was changed, by the clock of Open WebUI.
        sent_at: when it was sent, in seconds since 1970 by the clock of the gateway.
    """

    conversation_id: str
    message_id: str
    user_id: str
    kinds: tuple[str, ...]
    version: float
    sent_at: float = 0.0


class VoteLedger:
    """The known votes of each application and each of its Open WebUIs."""

    def __init__(self, redis: Any, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._prefix = f"{prefix}plaudit:open-webui:"
        self._clock = clock

    async def find(self, application: str, instance: str, vote_ids: Iterable[str]) -> dict[str, KnownVote]:
        """The known ones among some votes.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        asked = list(vote_ids)
        if not asked:
            return {}
        try:
            found = await self._redis.hmget(self._key(application, instance), asked)
        except AWAY as error:
            raise _unavailable() from error
        return {name: _vote(value) for name, value in zip(asked, found, strict=True) if value is not None}

    async def find_gone(
        self, application: str, instance: str, all_ids: frozenset[str]
    ) -> dict[str, KnownVote]:
        """The known votes that are not among all that there are.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        try:
            rows = [row async for row in self._redis.hscan_iter(self._key(application, instance), count=500)]
        except AWAY as error:
            raise _unavailable() from error
        votes = {name.decode(): _vote(value) for name, value in rows if name.decode() not in all_ids}
        settled = self._clock() - SETTLED_S
        return {name: vote for name, vote in votes.items() if vote.sent_at <= settled}

    async def update(
        self, application: str, instance: str, sent: Mapping[str, KnownVote], gone: Iterable[str]
    ) -> None:
        """Remember votes that Kafka has, and forget those that were taken back.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        key, now = self._key(application, instance), self._clock()
        rows = {name: orjson.dumps([*vote[:-1], now]) for name, vote in sent.items()}
        left = list(gone)
        try:
            if rows:
                await self._redis.hset(key, mapping=rows)
            if left:
                await self._redis.hdel(key, *left)
        except AWAY as error:
            raise _unavailable() from error

    def _key(self, application: str, instance: str) -> str:
        return f"{self._prefix}{application}/{instance}"


def _vote(row: bytes) -> KnownVote:
    conversation_id, message_id, user_id, kinds, version, sent_at = orjson.loads(row)
    return KnownVote(conversation_id, message_id, user_id, tuple(kinds), version, sent_at)


def _unavailable() -> ServiceUnavailableError:
    return ServiceUnavailableError(
        "Redis, which knows the votes that were sent, does not answer; send them again later"
    )
