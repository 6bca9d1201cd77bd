"""Which message an answer became that the gateway took: looked up by the provider's id of the response.

The entries are a convenience in Redis. Losing them loses nothing that is in the log: feedback by such an id
is then refused, and may name the message itself.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY

from plaudit_producers.gateway.intake.hashed_keys import hashed_key

log = logging.getLogger("plaudit.gateway")

CALL_TIMEOUT_S: Final = 0.5  # for a round trip: a large request makes many
_AT_ONCE: Final = 500  # commands in one round trip


class MessagePlace(NamedTuple):
    """A message and its conversation. Without a message it is the whole conversation."""

    conversation_id: str
    message_id: str | None = None


class AliasIndex:
    """Other systems' ids of answers, such as `chatcmpl-...`, for each application. For one event loop."""

    def __init__(self, redis: Any, prefix: str, *, lasts_s: int) -> None:
        """Every id is forgotten `lasts_s` seconds after it was last remembered."""
        self._redis = redis
        self._prefix = f"{prefix}plaudit:alias:"
        self._lasts_s = lasts_s

    async def remember(self, application: str, places: Mapping[str, MessagePlace]) -> bool:
        """Remember where each id is. Call it once Kafka has the messages.

        Returns False if Redis did not answer in time. The events are taken all the same.
        """
        entries = [
            (hashed_key(self._prefix, application, alias), orjson.dumps(tuple(place)))
            for alias, place in places.items()
        ]
        try:
            for start in range(0, len(entries), _AT_ONCE):
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    await self._write(entries[start : start + _AT_ONCE])
        except (*AWAY, TimeoutError) as error:
            log.warning("feedback by response id will not find %d answers: %r", len(entries), error)
            return False
        return True

    async def find(self, application: str, aliases: Iterable[str]) -> dict[str, MessagePlace]:
        """Where those ids are that are known.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        asked = list(dict.fromkeys(aliases))
        found: dict[str, MessagePlace] = {}
        try:
            for start in range(0, len(asked), _AT_ONCE):
                part = asked[start : start + _AT_ONCE]
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    found |= self._known(part, await self._read(application, part))
        except (*AWAY, TimeoutError):
            raise ServiceUnavailableError(
                "Redis, which knows the ids of responses, does not answer; try again later"
            ) from None
        return found

    async def _write(self, entries: list[tuple[str, bytes]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)  # the keys lie on several nodes of a cluster
        for key, place in entries:
            pipeline.set(key, place, ex=self._lasts_s)
        await pipeline.execute()

    async def _read(self, application: str, aliases: list[str]) -> list[bytes | None]:
        pipeline = self._redis.pipeline(transaction=False)
        for alias in aliases:
            pipeline.get(hashed_key(self._prefix, application, alias))
        found: list[bytes | None] = await pipeline.execute()
        return found

    @staticmethod
    def _known(aliases: list[str], values: list[bytes | None]) -> dict[str, MessagePlace]:
        return {
            alias: MessagePlace(*orjson.loads(value))
            for alias, value in zip(aliases, values, strict=True)
            if value is not None
        }
