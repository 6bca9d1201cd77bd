"""Keeps a worker from folding into a Redis that may evict its state, or has done so."""

import logging
from collections.abc import Awaitable, Callable

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY, refuse_shut_out
from plaudit_schemas.service.redis_watch import RedisWatch
from plaudit_schemas.service.wait_notice import WaitNotice

from plaudit_stream_processors.state.evictions import EvictedError, EvictionRecord
from plaudit_stream_processors.state.store import ConversationStore, StateError, StateLostError
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics

log = logging.getLogger(__name__)


class UnsafeRedisError(StateError):
    """Redis is set up such that it may lose state, or takes none; nothing was written."""


class RedisGuard:
    """Refuses an unsafe Redis at the start, and watches it afterwards."""

    def __init__(self, watch: RedisWatch, store: ConversationStore, metrics: WorkerMetrics) -> None:
        self._watch, self._metrics = watch, metrics
        self._evictions = EvictionRecord(store.client, store.prefix)
        self._notice = WaitNotice(log, "waiting to look at Redis")

    def refuse_unsafe(self) -> None:
        """Go on only if the last look found nothing wrong.

        Raises:
            UnsafeRedisError: Redis may evict keys, or is a replica.
        """
        if self._watch.problem is not None:
            raise UnsafeRedisError(self._watch.problem)

    async def check_at_start(self) -> None:
        """Look at Redis before anything is folded.

        Raises:
            UnsafeRedisError: Redis may evict keys, or is a replica.
            EvictedError: Redis has evicted keys since the state was begun.
            ServiceUnavailableError: Redis does not answer.
            AccessError: Redis does not let us in.
        """
        try:
            await self._look()
            self.refuse_unsafe()
            if self._watch.evicted:
                log.warning(
                    "Redis has evicted %d keys since its start; if it held this state, run `plaudit audit`",
                    self._watch.evicted,
                )
            await self._evictions.refuse_evictions(self._watch.nodes)
        except AWAY as error:
            refuse_shut_out(error)
            raise ServiceUnavailableError(
                f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL"
            ) from None

    async def look_again(
        self, check_held: Callable[[], Awaitable[None]], fail: Callable[[BaseException], None]
    ) -> None:
        """Look at Redis while the worker runs. Batches wait while it is unsafe; losses end the worker.

        Args:
            check_held: raises StateLostError if Redis has lost what was committed.
        """
        try:
            await self._look()
            await self._evictions.refuse_evictions(self._watch.nodes)
            await check_held()
        except (EvictedError, StateLostError) as error:
            fail(error)
        except AWAY as error:
            self._notice.note(str(error))
        else:
            self._notice.note(None)

    async def _look(self) -> None:
        await self._watch.look()
        self._metrics.gauge("plaudit_redis_evicting").set(self._watch.evicts)
        self._metrics.gauge("plaudit_redis_evicted_keys").set(self._watch.evicted)
