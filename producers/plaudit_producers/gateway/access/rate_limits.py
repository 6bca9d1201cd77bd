"""Rate limits in Redis: token buckets shared by all gateways.

Requests that come together share one call to Redis. A call takes in advance what a fast bucket gives in
`LEASE_S` (a *lease*), so most requests need no call. A bucket that was found empty is remembered as empty
until it can have a token again. So a caller over its limit costs neither a call nor the reading of a body.
Without Redis nothing is limited, and each check that was skipped is counted (docs/decisions/0015).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from plaudit_schemas.service.redis import AWAY, Argument, Script

log = logging.getLogger("plaudit.gateway")

CALL_TIMEOUT_S: Final = 0.5
SKIP_AFTER_ERROR_S: Final = 1.0  # requests should not each wait for a Redis that is away
LEASE_S: Final = 0.02
LEASE_LASTS_S: Final = 5.0
_AT_ONCE: Final = 200  # buckets in one call
_REMEMBERED: Final = 100_000  # buckets in memory: there is no end of addresses

_SCRIPT: Final = Script("plaudit_producers.gateway.access", "limits")


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """One limit. `name` is unique, `rate` is in tokens a second, `size` is the tokens of a full bucket."""

    name: str
    rate: float
    size: float


@dataclass(slots=True)
class _Ask:
    """A request that waits for tokens; `wait_s` gets the result of `take_tokens`."""

    bucket: TokenBucket
    tokens: int
    wait_s: "asyncio.Future[float]" = field(repr=False)


@dataclass(slots=True)
class _Lease:
    """Tokens that were taken from a bucket in advance and not yet given to a request."""

    tokens: int
    until: float


class _Taken(NamedTuple):
    """The script's answer for one bucket: the tokens taken, or how long to wait and how long it is empty."""

    tokens: int
    wait_ms: int
    empty_ms: int


class RateLimiter:
    """Takes tokens from buckets, for one event loop."""

    def __init__(
        self,
        redis: Any,
        prefix: str,
        *,
        on_skipped: Callable[[int], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_skipped` is called with the number of checks that were skipped because Redis did not answer."""
        self._redis = redis
        # One hash tag for all buckets: a cluster runs a script only on keys of one slot.
        self._prefix = f"{prefix}{{plaudit:limits}}:"
        self._on_skipped = on_skipped
        self._clock = clock
        self._asks: list[_Ask] = []
        self._running: asyncio.Task[None] | None = None
        self._empty_until: dict[str, float] = {}
        self._leases: dict[str, _Lease] = {}
        self._skip_until = 0.0

    def empty_for(self, name: str) -> float:
        """Seconds until a bucket known to be empty has a token again; 0 if it may have one now."""
        until = self._empty_until.get(name)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left <= 0:
            del self._empty_until[name]
        return max(0.0, left)

    async def take_tokens(self, bucket: TokenBucket, tokens: int) -> float:
        """Take tokens. Returns 0 if they were taken, else the seconds after which to try again."""
        if self._take_from_lease(bucket.name, tokens):
            return 0.0
        if self._clock() < self._skip_until:
            self._on_skipped(1)
            return 0.0
        ask = _Ask(bucket, tokens, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await ask.wait_s

    async def close(self) -> None:
        """Wait for the call that is under way."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._asks:
                asks, self._asks = self._asks[:_AT_ONCE], self._asks[_AT_ONCE:]
                # The last call may have brought a lease that these can take from.
                await self._answer_all([ask for ask in asks if not self._answer_from_lease(ask)])
        finally:
            self._running = None

    def _answer_from_lease(self, ask: _Ask) -> bool:
        if not self._take_from_lease(ask.bucket.name, ask.tokens):
            return False
        if not ask.wait_s.done():
            ask.wait_s.set_result(0.0)
        return True

    def _take_from_lease(self, name: str, tokens: int) -> bool:
        lease = self._leases.get(name)
        if lease is None or lease.tokens < tokens or lease.until <= self._clock():
            return False
        lease.tokens -= tokens
        return True

    async def _answer_all(self, asks: Sequence[_Ask]) -> None:
        """Answer every ask, even after an error: requests wait for the answer and hold memory meanwhile."""
        if not asks:
            return
        try:
            for ask, taken in zip(asks, await self._take_or_skip(asks), strict=True):
                self._answer(ask, taken)
        except Exception as error:
            log.exception("a round of rate limits failed")
            for ask in asks:
                if not ask.wait_s.done():
                    ask.wait_s.set_exception(error)

    async def _take_or_skip(self, asks: Sequence[_Ask]) -> list[_Taken]:
        """The script's answer to each ask. If Redis does not answer, every request may pass."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await self._call_script(asks)
        except AWAY:
            self._skip_until = self._clock() + SKIP_AFTER_ERROR_S
            self._on_skipped(len(asks))
            return [_Taken(ask.tokens, 0, 0) for ask in asks]

    async def _call_script(self, asks: Sequence[_Ask]) -> list[_Taken]:
        keys = [self._prefix + ask.bucket.name for ask in asks]
        arguments: list[Argument] = [int(self._clock() * 1000)]
        leased: set[str] = set()
        for ask in asks:
            # One lease for each bucket and call. With more, many requests at once would empty the bucket in
            # advance for tokens that nobody uses.
            spare = 0 if ask.bucket.name in leased else int(ask.bucket.rate * LEASE_S)
            leased.add(ask.bucket.name)
            arguments += (ask.bucket.rate, ask.bucket.size, ask.tokens, max(ask.tokens, spare))
        found = await _SCRIPT(self._redis, keys, arguments)
        return [_Taken(*map(int, each)) for each in found]

    def _answer(self, ask: _Ask, taken: _Taken) -> None:
        if taken.empty_ms:
            self._remember_empty(ask.bucket.name, taken.empty_ms / 1000)
        if taken.tokens > ask.tokens:
            self._add_lease(ask.bucket.name, taken.tokens - ask.tokens)
        if not ask.wait_s.done():  # a request that was cancelled has cancelled its future
            ask.wait_s.set_result(taken.wait_ms / 1000)

    def _add_lease(self, name: str, tokens: int) -> None:
        now = self._clock()
        lease = self._leases.get(name)
        kept = lease.tokens if lease is not None and lease.until > now else 0
        if lease is None and len(self._leases) >= _REMEMBERED:
            self._leases.clear()
        self._leases[name] = _Lease(kept + tokens, now + LEASE_LASTS_S)

    def _remember_empty(self, name: str, seconds: float) -> None:
        if len(self._empty_until) >= _REMEMBERED:
            self._empty_until.clear()
        self._empty_until[name] = self._clock() + seconds
