"""Items that the rubric alone makes: topics to write on, controls, and what people sent to the queue."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.review.changes import NewItem
from plaudit_schemas.review.selection import control_targets, topics_of
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.items import FoundItems, topic_items
from plaudit_stream_processors.review_queue.queues import FollowedQueue
from plaudit_stream_processors.review_queue.seen import messages_of_target
from plaudit_stream_processors.state.folded import FoldedReader
from plaudit_stream_processors.state.messages import BehindError

_AT_ONCE: Final = 500


class QueueSeeder:
    """Adds what a rubric names. Adding it twice changes nothing.

    What was sent and controls are items as soon as their conversation is known here; where it has expired,
    the log brings them, as far as it reaches back.
    """

    def __init__(self, reader: FoldedReader, partitions: int) -> None:
        """`partitions` of the topic of events."""
        self._reader, self._partitions = reader, partitions

    async def seed(self, queue: FollowedQueue, now_ms: int) -> None:
        """Add the items that are not in the queue yet.

        Raises:
            redis.exceptions.RedisError: Redis did not answer; the next call goes on.
        """
        topics = [target for target in topics_of(queue.rubric) if target not in queue.seeded]
        for start in range(0, len(topics), _AT_ONCE):
            await self._add(queue, topic_items(queue.rubric, topics[start : start + _AT_ONCE], now_ms))
            queue.seeded.update(topics[start : start + _AT_ONCE])
            await asyncio.sleep(0)
        named = [*control_targets(queue.rubric), *sorted(queue.finder.sent)]
        await self._seed_named(queue, [target for target in named if target not in queue.seeded], now_ms)

    async def _seed_named(self, queue: FollowedQueue, targets: Iterable[ReviewTarget], now_ms: int) -> None:
        by_conversation: defaultdict[str, list[ReviewTarget]] = defaultdict(list)
        for target in targets:
            by_conversation[target.conversation_id].append(target)
        for conversation_id, wanted in by_conversation.items():
            state = await self._state(queue.rubric.application, conversation_id)
            if state is None:  # an erased one has no messages
                continue
            found = FoundItems(queue.rubric)
            for target in wanted:
                if messages_of_target(state, target):
                    found.add(target, queue.finder.reasons_to_exist(state, target), state, now_ms)
                    queue.seeded.add(target)
            await self._add(queue, found.items())

    async def _state(self, application: str, conversation_id: str) -> ConversationState | None:
        key = f"{application}/{conversation_id}"
        partition = partition_of(conversation_key(application, conversation_id), self._partitions)
        try:
            return (await self._reader.read(partition, 0, [key])).get(key)
        except BehindError:
            return None  # nothing is folded here yet

    async def _add(self, queue: FollowedQueue, items: Sequence[NewItem]) -> None:
        if items:
            await queue.store.add_rubric_items(items, queue.rules)
