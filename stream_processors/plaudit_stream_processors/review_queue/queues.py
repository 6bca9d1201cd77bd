"""The queues of all published rubrics, as one process keeps them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from plaudit_schemas.errors import ReviewSaltError
from plaudit_schemas.review.changes import QueueChanges, QueueRules
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.review.publications import PublishedRubric, RubricBook
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.salts import salt_for
from plaudit_schemas.review.selection import control_targets
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import QueueName, ReviewTarget, item_id

from plaudit_stream_processors.review_queue.items import ItemFinder

log = logging.getLogger("plaudit.review-queue")

_HOUR_MS: Final = 3_600_000
OpenQueue = Callable[[QueueName], ReviewQueue]


@dataclass(eq=False)
class FollowedQueue:
    """The queue of an active version of a rubric.

    Attributes:
        positions: partition -> next offset, as far as this process knows; a partition that is not there is
            at the log's start.
        seeded: targets of the rubric alone that are items by now.
        is_read: whether the log is read from where this queue is. Until then a batch could only make a gap.
    """

    published: PublishedRubric
    finder: ItemFinder
    store: ReviewQueue
    rules: QueueRules
    positions: dict[int, int] = field(default_factory=dict)
    seeded: set[ReviewTarget] = field(default_factory=set)
    is_read: bool = False

    @property
    def rubric(self) -> Rubric:
        return self.published.rubric

    def wants(self, partition: int, following: int) -> bool:
        """Whether the records of a partition before this offset must be brought into it."""
        return self.is_read and self.positions.get(partition, 0) < following

    async def look_where(self) -> None:
        """Learn the positions from Redis."""
        self.positions = await self.store.positions()

    async def is_lost(self, partitions: Collection[int]) -> bool:
        """Whether Redis has lost the queue, or went back, so that these partitions must be read again.

        Where several processes share the partitions, the first that notices begins to build it anew.
        """
        known = dict(self.positions)  # what is applied meanwhile is ahead of these
        if await self.store.stage() == "unknown":
            return True
        stored = await self.store.positions()
        return any(stored.get(partition, 0) < known.get(partition, 0) for partition in partitions)

    async def pass_over(self, partition: int, start: int) -> None:
        """Go on at the first offset that the log has, if the queue is before it.

        A partition whose records are all deleted brings no batch that would say so.

        Raises:
            QueueGapError: Redis has lost the position meanwhile.
        """
        position = self.positions.get(partition, 0)
        if position < start:
            await self.store.apply(partition, position, start, QueueChanges(), self.rules)
            self.positions[partition] = start


class FollowedQueues:
    """Follows the publications. Everything but `look` is quick.

    Attributes:
        active: the queues that are kept up to date.
        ended: the queues of replaced and withdrawn versions that are not deleted yet.
        unusable: rubric and version -> why its queue cannot be kept.
    """

    def __init__(
        self,
        follower: RubricFollower,
        open_queue: OpenQueue,
        settings: ReviewSettings,
        keep_hours: float = 24.0,
    ) -> None:
        self._follower, self._open, self._settings = follower, open_queue, settings
        self._keep_ms = int(keep_hours * _HOUR_MS)
        self._book: RubricBook | None = None
        self._dropped: set[QueueName] = set()
        self.active: dict[QueueName, FollowedQueue] = {}
        self.ended: dict[QueueName, FollowedQueue] = {}
        self.unusable: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """What is wrong with publications, a sentence for each."""
        unread = [
            f"publication {key} of a rubric cannot be read: {reason}"
            for key, reason in self._follower.unreadable
        ]
        return [*self.unusable.values(), *unread]

    async def look(self) -> bool:
        """Look at what is published. Returns whether there is a queue that must be filled from the log.

        Raises:
            ServiceUnavailableError, TopicError, RegistryUnavailableError: as `RubricFollower.look`.
        """
        book = await asyncio.to_thread(self._follower.look)
        if book is self._book:
            return False
        self._book, before, self.unusable = book, self.active, {}
        self.active = {}
        for published in book.active.values():
            queue = self._queue(published, before.get(published.queue))
            if queue is not None:
                self.active[published.queue] = queue
        self.ended = {
            each.queue: self._plain(each)
            for each in book.ended()
            if each.queue not in self._dropped and each.queue not in self.active
        }
        self._dropped -= self.active.keys()
        return bool(self.active.keys() - before.keys())

    async def drop_ended(self, now_ms: int) -> None:
        """Delete the queues of versions that ended long enough ago.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.
        """
        for name, queue in list(self.ended.items()):
            ended_ms = queue.published.ended_ms
            if ended_ms is not None and now_ms - ended_ms >= self._keep_ms:
                await queue.store.drop()
                self._dropped.add(name)
                del self.ended[name]
                log.info("the queue of %s@%s is deleted", name.rubric, name.version)

    def _queue(self, published: PublishedRubric, before: FollowedQueue | None) -> FollowedQueue | None:
        name = published.queue
        try:
            salt = salt_for(self._settings, published)
        except ReviewSaltError as error:
            log.warning("%s", error)
            self.unusable[f"{name.rubric}@{name.version}"] = str(error)
            return None
        sent = () if self._book is None else (each.target for each in self._book.sent(published.rubric))
        finder = ItemFinder(published.rubric, salt, tuple(sent))
        if before is not None:
            before.published, before.finder = published, finder
            return before
        return FollowedQueue(published, finder, self._open(name), rules_of(published.rubric))

    def _plain(self, published: PublishedRubric) -> FollowedQueue:
        """A queue that finds no items any more."""
        rubric = published.rubric
        return FollowedQueue(
            published, ItemFinder(rubric, None), self._open(published.queue), rules_of(rubric)
        )


def rules_of(rubric: Rubric) -> QueueRules:
    """What the store must know of a rubric."""
    controls = (item_id(rubric.application, rubric.name, target) for target in control_targets(rubric))
    return QueueRules(overlap=rubric.overlap, controls=frozenset(controls))


def starts(queues: Iterable[FollowedQueue], partitions: Iterable[int]) -> Mapping[int, int | None]:
    """Partition -> the offset that the queue furthest behind needs next; None is the log's start."""
    held = [queue.positions for queue in queues]
    return {
        partition: min((each[partition] for each in held), default=None)
        if all(partition in each for each in held)
        else None
        for partition in partitions
    }
