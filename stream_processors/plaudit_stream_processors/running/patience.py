"""Repeats what fails only because a service is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from plaudit_schemas.errors import RegistryError
from plaudit_schemas.service.redis import AWAY as REDIS_AWAY

from plaudit_stream_processors.running.readiness import Readiness, Waiter

T = TypeVar("T")

AWAY: Final[tuple[type[Exception], ...]] = (*REDIS_AWAY, RegistryError)
"""The errors that pass once Redis, the registry or the network is back."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


async def retry_while_away(
    readiness: Readiness,
    waiter: Waiter,
    work: Callable[[], Awaitable[T]],
    away: tuple[type[Exception], ...] = AWAY,
) -> T:
    """Repeat `work` until it raises none of the errors in `away`. The process is not ready meanwhile."""
    pause = _FIRST_PAUSE_S
    try:
        while True:
            try:
                return await work()
            except away as error:
                readiness.begin_waiting(waiter, str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
    finally:
        readiness.end_waiting(waiter)
