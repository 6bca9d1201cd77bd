"""Rate limits in Redis: token buckets shared by all gateways.

Requests that come together share one call, and a call takes what a fast bucket gives in `LEASE_S`, so most
requests need none. A bucket that was found empty is refused from memory until a
token can be in it, so whoever is over the limit costs neither a call nor the reading of a body. Without Redis
nothing is limited (docs/decisions/0015), and that is counted.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from plaudit_producers.gateway.redis_client import AWAY

log = logging.getLogger("plaudit.gateway")

CALL_TIMEOUT_S = 0.5
SKIP_AFTER_ERROR_S = 1.0
LEASE_S, LEASE_LASTS_S = 0.02, 5.0
_AT_ONCE = 200
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit: `name` is unique, `rate` in tokens a second, `size` what it holds when full."""

    name: str
    rate: float
    size: float


@dataclass(slots=True)
class _Ask:
    bucket: Bucket
    take: int
    answer: "asyncio.Future[float]" = field(repr=False)


@dataclass(slots=True)
class _Lease:
    """Tokens that were taken from a bucket and not yet given."""

    tokens: int
    until: float


class RateLimiter:
    """Takes tokens; for one event loop."""

    def __init__(
        self,
        redis: Any,
        prefix: str,
        *,
        skipped: Callable[[int], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`skipped` is called with the number of checks that were not made because Redis did not answer."""
        self._redis = redis
        self._prefix = f"{prefix}{{plaudit:limits}}:"
        self._source = (files("plaudit_producers.gateway") / "limits.lua").read_bytes()
        self._hash = sha1(self._source).hexdigest()  # noqa: S324  # Redis names scripts by it
        self._skipped = skipped
        self._clock = clock
        self._asks: list[_Ask] = []
        self._running: asyncio.Task[None] | None = None
        self._empty_until: dict[str, float] = {}
        self._leases: dict[str, _Lease] = {}
        self._skip_until = 0.0

    def empty_for(self, name: str) -> float:
        """Seconds until a bucket that is known to be empty can have a token; 0 where it may have one."""
        until = self._empty_until.get(name)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left <= 0:
            del self._empty_until[name]
        return max(0.0, left)

    async def take(self, bucket: Bucket, tokens: int) -> float:
        """0 when the tokens were taken, else the seconds after which to try again."""
        if self._from_lease(bucket.name, tokens):
            return 0.0
        if self._clock() < self._skip_until:
            self._skipped(1)
            return 0.0
        ask = _Ask(bucket, tokens, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await ask.answer

    async def close(self) -> None:
        """Wait for the call under way."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._asks:
                asks, self._asks = self._asks[:_AT_ONCE], self._asks[_AT_ONCE:]
                # Those that came during the last call may find what it took in hand.
                await self._answer([ask for ask in asks if not self._given(ask)])
        finally:
            self._running = None

    def _given(self, ask: _Ask) -> bool:
        if not self._from_lease(ask.bucket.name, ask.take):
            return False
        if not ask.answer.done():
            ask.answer.set_result(0.0)
        return True

    def _from_lease(self, name: str, tokens: int) -> bool:
        lease = self._leases.get(name)
        if lease is None or lease.tokens < tokens or lease.until <= self._clock():
            return False
        lease.tokens -= tokens
        return True

    async def _answer(self, asks: Sequence[_Ask]) -> None:
        """Answer every one of them, whatever goes wrong: requests wait for it, and hold their bodies."""
        if not asks:
            return
        try:
            for ask, found in zip(asks, await self._found(asks), strict=True):
                self._give(ask, *found)
        except Exception as error:
            log.exception("a round of rate limits failed")
            for ask in asks:
                if not ask.answer.done():
                    ask.answer.set_exception(error)

    async def _found(self, asks: Sequence[_Ask]) -> list[tuple[int, int, int]]:
        """What the script says of each; where Redis is away, that all may pass."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await self._call(asks)
        except AWAY:
            self._skip_until = self._clock() + SKIP_AFTER_ERROR_S
            self._skipped(len(asks))
            return [(ask.take, 0, 0) for ask in asks]

    def _give(self, ask: _Ask, taken: int, wait_ms: int, empty_ms: int) -> None:
        if empty_ms:
            self._remember(ask.bucket.name, empty_ms / 1000)
        if taken > ask.take:
            self._lease(ask.bucket.name, taken - ask.take)
        if not ask.answer.done():
            ask.answer.set_result(wait_ms / 1000)

    async def _call(self, asks: Sequence[_Ask]) -> list[tuple[int, int, int]]:
        arguments: list[Any] = [len(asks), *(self._prefix + ask.bucket.name for ask in asks)]
        arguments.append(int(self._clock() * 1000))
        leasing: set[str] = set()
        for ask in asks:
            # One lease a bucket and call: a crowd must not empty it for what it will not use.
            spare = 0 if ask.bucket.name in leasing else int(ask.bucket.rate * LEASE_S)
            leasing.add(ask.bucket.name)
            most = max(ask.take, spare)
            arguments += (ask.bucket.rate, ask.bucket.size, ask.take, most)
        try:
            found = await self._redis.execute_command("EVALSHA", self._hash, *arguments)
        except NoScriptError:
            found = await self._redis.execute_command("EVAL", self._source, *arguments)
        return [(int(taken), int(wait), int(empty)) for taken, wait, empty in found]

    def _lease(self, name: str, tokens: int) -> None:
        now = self._clock()
        lease = self._leases.get(name)
        kept = lease.tokens if lease is not None and lease.until > now else 0
        if lease is None and len(self._leases) >= _REMEMBERED:
            self._leases.clear()
        self._leases[name] = _Lease(kept + tokens, now + LEASE_LASTS_S)

    def _remember(self, name: str, seconds: float) -> None:
        if len(self._empty_until) >= _REMEMBERED:
            self._empty_until.clear()
        self._empty_until[name] = self._clock() + seconds
