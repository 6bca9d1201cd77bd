"""What waits in Redis for the rest of its model call, for a while.

Older instrumentations send each message of a call as a log event of its own, and the results of evaluations
may overtake the call. They come in separate requests, to any gateway. Losing the notes loses what waits, and
nothing that is in the log.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY

from plaudit_producers.gateway.intake.hashed_keys import hashed_key

CALL_TIMEOUT_S: Final = 2.0  # for a round trip: a large request makes many
LASTS_S: Final = 900
_MOST: Final = 1000  # notes under one name
_AT_ONCE: Final = 200  # commands in one round trip


class SpanNotes:
    """Notes under names, for each application. For one event loop."""

    def __init__(self, redis: Any, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}plaudit:notes:"

    async def add(self, application: str, notes: Mapping[str, Sequence[bytes]]) -> None:
        """Add notes. Those under a name are forgotten `LASTS_S` seconds after the last one was added.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        commands = []
        for name, values in notes.items():
            key = self._key(application, name)
            commands += [("RPUSH", key, *values), ("LTRIM", key, -_MOST, -1), ("EXPIRE", key, LASTS_S)]
        await self._run(commands)

    async def read(self, application: str, names: Iterable[str]) -> dict[str, list[bytes]]:
        """The notes under those names that have any, in order, each once.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        asked = list(dict.fromkeys(names))
        found = await self._run([("LRANGE", self._key(application, name), 0, -1) for name in asked])
        return {
            name: list(dict.fromkeys(values)) for name, values in zip(asked, found, strict=True) if values
        }

    async def remove(self, application: str, names: Iterable[str]) -> None:
        """Forget the notes under some names.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        await self._run([("DEL", self._key(application, name)) for name in names])

    async def _run(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        found: list[Any] = []
        try:
            for start in range(0, len(commands), _AT_ONCE):
                # The keys lie on several nodes of a cluster.
                pipeline = self._redis.pipeline(transaction=False)
                for command in commands[start : start + _AT_ONCE]:
                    pipeline.execute_command(*command)
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    found += await pipeline.execute()
        except (*AWAY, TimeoutError):
            raise ServiceUnavailableError(
                "Redis, where telemetry waits for the rest of its call, does not answer; try again later"
            ) from None
        return found

    def _key(self, application: str, name: str) -> str:
        return hashed_key(self._prefix, application, name)
