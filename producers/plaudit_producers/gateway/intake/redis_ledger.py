"""Rows in Redis of what was sent, by the ids of another system: to find what changed or is gone."""

from collections.abc import Iterable, Mapping
from typing import Any

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY


class RedisLedger:
    """A hash of rows for each application and each instance of the other system.

    Its methods raise ServiceUnavailableError if Redis does not answer.
    """

    def __init__(self, redis: Any, prefix: str, things: str) -> None:
        """Takes the beginning of every key, and the name of what is known, for errors."""
        self._redis = redis
        self._prefix = prefix
        self._things = things

    async def find(self, application: str, instance: str, names: Iterable[str]) -> dict[str, bytes]:
        """The rows that there are among some names."""
        asked = list(names)
        if not asked:
            return {}
        try:
            found = await self._redis.hmget(self._key(application, instance), asked)
        except AWAY as error:
            raise self._unavailable() from error
        return {name: row for name, row in zip(asked, found, strict=True) if row is not None}

    async def all(self, application: str, instance: str) -> dict[str, bytes]:
        """All rows."""
        try:
            rows = [row async for row in self._redis.hscan_iter(self._key(application, instance), count=500)]
        except AWAY as error:
            raise self._unavailable() from error
        return {name.decode(): row for name, row in rows}

    async def update(
        self, application: str, instance: str, rows: Mapping[str, bytes], gone: Iterable[str]
    ) -> None:
        """Write rows, and delete others."""
        key, left = self._key(application, instance), list(gone)
        try:
            if rows:
                await self._redis.hset(key, mapping=rows)
            if left:
                await self._redis.hdel(key, *left)
        except AWAY as error:
            raise self._unavailable() from error

    def _key(self, application: str, instance: str) -> str:
        return f"{self._prefix}{application}/{instance}"

    def _unavailable(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"Redis, which knows the {self._things} that were sent, does not answer; send them again later"
        )
