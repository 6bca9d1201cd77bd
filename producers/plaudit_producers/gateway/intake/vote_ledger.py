"""What the gateway has sent of the votes of Open WebUI, in Redis: to find those that changed or are gone.

Losing it loses no vote. All are then sent again, under the same event ids, which changes nothing. Only votes
that were deleted meanwhile are not found any more.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from plaudit_producers.gateway.intake.redis_ledger import RedisLedger

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
        self._rows = RedisLedger(redis, f"{prefix}plaudit:open-webui:", "votes")
        self._clock = clock

    async def find(self, application: str, instance: str, vote_ids: Iterable[str]) -> dict[str, KnownVote]:
        """The known ones among some votes.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        rows = await self._rows.find(application, instance, vote_ids)
        return {name: _vote(row) for name, row in rows.items()}

    async def find_gone(
        self, application: str, instance: str, all_ids: frozenset[str]
    ) -> dict[str, KnownVote]:
        """The known votes that are not among all that there are.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        rows = await self._rows.all(application, instance)
        votes = {name: _vote(row) for name, row in rows.items() if name not in all_ids}
        settled = self._clock() - SETTLED_S
        return {name: vote for name, vote in votes.items() if vote.sent_at <= settled}

    async def update(
        self, application: str, instance: str, sent: Mapping[str, KnownVote], gone: Iterable[str]
    ) -> None:
        """Remember votes that Kafka has, and forget those that were taken back.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        now = self._clock()
        rows = {name: orjson.dumps([*vote[:-1], now]) for name, vote in sent.items()}
        await self._rows.update(application, instance, rows, gone)


def _vote(row: bytes) -> KnownVote:
    conversation_id, message_id, user_id, kinds, version, sent_at = orjson.loads(row)
    return KnownVote(conversation_id, message_id, user_id, tuple(kinds), version, sent_at)
