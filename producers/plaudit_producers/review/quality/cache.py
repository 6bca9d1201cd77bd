"""Computes the figures of queues off the event loop, and keeps them for a while."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import QueueName

from plaudit_producers.review.quality.figures import queue_figures

_TIMES_AS_LONG: Final = 10


class ReadableQueue(Protocol):
    """A queue whose items can be read (`review.queue.ReviewQueue`)."""

    def items(self, *, chunk: int = 500) -> AsyncIterator[ReviewedItem]: ...


class _Kept(NamedTuple):
    document: dict[str, Any]
    until: float


class QualityCache:
    """Figures of queues, which are kept for a while: those of a long queue take seconds of a core.

    Args:
        seconds: how long they are kept at least; and ten times as long as they took.
        clock: seconds that only go forward.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._kept: dict[QueueName, _Kept] = {}
        self._locks: dict[QueueName, asyncio.Lock] = {}

    async def figures(self, rubric: Rubric, queue: ReadableQueue) -> dict[str, Any]:
        """The document of `figures.queue_figures`. Those who ask at the same time share one computation.

        Raises:
            what reading the queue raises; nothing is kept then.
        """
        name = QueueName(rubric.application, rubric.name, rubric.version)
        async with self._locks.setdefault(name, asyncio.Lock()):
            self._forget()
            kept = self._kept.get(name)
            if kept is None:
                began = self._clock()
                items = [item async for item in queue.items()]
                document = await asyncio.to_thread(queue_figures, rubric, items, datetime.now(UTC))
                now = self._clock()
                kept = _Kept(document, now + max(self._seconds, _TIMES_AS_LONG * (now - began)))
                self._kept[name] = kept
            return kept.document

    def _forget(self) -> None:
        """Drop what is too old, of all queues: those of earlier versions are not asked for again."""
        now = self._clock()
        self._kept = {name: kept for name, kept in self._kept.items() if kept.until > now}
