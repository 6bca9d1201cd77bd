"""Runs what a command does in Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from plaudit_schemas.settings.connection import ConnectionSettings


def run_on_redis(connection: ConnectionSettings, work: Callable[[Any], Awaitable[int]]) -> int:
    """Run `work` with a client of Redis, close the client, and return the exit code.

    Raises:
        ServiceUnavailableError: Redis does not answer.
    """
    from plaudit_schemas.errors import ServiceUnavailableError  # noqa: PLC0415  # loaded where used
    from plaudit_schemas.service.redis import AWAY, connect  # noqa: PLC0415  # loads Redis' client

    async def connected() -> int:
        client = connect(connection.redis_url.get_secret_value())
        try:
            return await work(client)
        finally:
            await client.aclose()

    try:
        return asyncio.run(connected())
    except AWAY as error:
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
