"""Which rubrics are published, and the queue of each."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from plaudit_schemas.errors import PlauditError, TopicError
from plaudit_schemas.review.claims import ClaimRules
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.review.publications import PublishedRubric, RubricBook
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import RedisClient

from plaudit_producers.review.errors import ReviewRefusal

log = logging.getLogger("plaudit.review")

_LOOK_S: Final = 3.0
_AWAY: Final = "Kafka does not return the rubrics; try again in a moment."


class OpenQueue(NamedTuple):
    """A rubric and its queue.

    Attributes:
        active: whether it is the rubric's newest version, and not withdrawn.
    """

    name: QueueName
    rubric: Rubric
    queue: ReviewQueue
    active: bool

    @property
    def rules(self) -> ClaimRules:
        """How items of the queue are given out."""
        return ClaimRules(
            lease_ms=round(self.rubric.lease_minutes * 60_000),
            control_share=0.0 if self.rubric.controls is None else self.rubric.controls.share,
        )


class ReviewQueues:
    """The queues of all applications. While they are in use, the rubrics are read again every few seconds."""

    def __init__(
        self,
        follower: RubricFollower,
        client: RedisClient,
        prefix: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`prefix`: of the keys in Redis."""
        self._follower, self._client, self._prefix, self._clock = follower, client, prefix, clock
        self._looking = asyncio.Lock()
        self._book: RubricBook | None = None
        self._looked_at = 0.0
        self._problem = _AWAY
        self._queues: dict[QueueName, ReviewQueue] = {}
        self._task: asyncio.Task[None] | None = None

    async def active(self, application: str) -> list[OpenQueue]:
        """The queues in which an application's people may work, by name.

        Raises:
            ReviewRefusal: Kafka did not return the rubrics, and none are known.
        """
        book = await self._read()
        found = [each for (owner, _), each in sorted(book.active.items()) if owner == application]
        return [self._opened(each) for each in found]

    async def find(self, application: str, rubric: str, version: str) -> OpenQueue:
        """A queue of any version that was ever published.

        Raises:
            ReviewRefusal: there is none, or Kafka did not return the rubrics.
        """
        name = QueueName(application, rubric, version)
        published = (await self._read()).find(name)
        if published is None:  # it may be new
            published = (await self._read(at_once=True)).find(name)
        if published is None:
            raise ReviewRefusal("no_queue", "There is no such rubric; load the page again.")
        return self._opened(published)

    async def close(self) -> None:
        """Close the connections."""
        if self._task is not None:
            await self._task
        await asyncio.to_thread(self._follower.close)
        await self._client.aclose()

    def _opened(self, published: PublishedRubric) -> OpenQueue:
        name = published.queue
        if name not in self._queues:
            self._queues[name] = ReviewQueue(self._client, self._prefix, name)
        return OpenQueue(name, published.rubric, self._queues[name], published.ended_ms is None)

    async def _read(self, *, at_once: bool = False) -> RubricBook:
        asked_at = self._clock()
        if self._book is None or at_once:
            async with self._looking:
                if self._book is None or asked_at > self._looked_at:  # else somebody has just looked
                    await self._look()
        elif asked_at - self._looked_at > _LOOK_S and not self._looking.locked():
            # In the background: while Kafka is away, reviewers go on with the rubrics that are known.
            self._task = asyncio.create_task(self._look_alone())
        if self._book is None:
            raise ReviewRefusal("kafka", self._problem)
        return self._book

    async def _look_alone(self) -> None:
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            self._book = await asyncio.to_thread(self._follower.look)
        except PlauditError as error:
            log.warning("the rubrics cannot be read, so the last known ones hold: %s", error)
            # A topic that is missing does not come by itself, so whoever runs the servers must be told.
            self._problem = f"Nothing can be reviewed: {error}." if isinstance(error, TopicError) else _AWAY
