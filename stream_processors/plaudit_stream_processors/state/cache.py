"""A worker's copies of the conversations of one partition. With them most events need no read from Redis."""

from collections import OrderedDict, deque
from typing import Final

from plaudit_stream_processors.fold import ConversationState

BYTES_PER_ENTITY: Final = 4096


class ConversationCache:
    """Conversations, the least recently used first, bounded by their number of entities.

    Messages, feedback and comparisons are entities. Large contents count for more: each BYTES_PER_ENTITY
    bytes count as one entity.

    A state is evicted only after the batch that touched it last is committed: until then Redis has an older
    one. An ended conversation is evicted right after that commit, because most get no more events.

    Attributes:
        find: takes the key of a record; returns the copy, or None.
    """

    def __init__(self, max_entities: int) -> None:
        self._max = max_entities
        self._held: OrderedDict[bytes, ConversationState] = OrderedDict()
        self._ended: deque[tuple[int, bytes]] = deque()
        self._entities = 0
        self.find = self._held.get

    def put(self, state: ConversationState) -> None:
        """Keep a state that came from Redis, or a new conversation."""
        self._held[state.key.encode()] = state
        state.weight = entities(state)
        self._entities += state.weight

    def batch_touched(self, key: bytes, state: ConversationState, batch: int) -> None:
        """Count a state again that a batch has changed. Called once for each state, at the batch's end."""
        state.batch = batch
        weight = entities(state)
        self._entities += weight - state.weight
        state.weight = weight
        self._held.move_to_end(key)
        if not state.is_open:
            self._ended.append((batch, key))

    def batch_committed(self, batch: int) -> None:
        """Batches up to this one are in Redis: evict what has ended, and what is over the bound."""
        while self._ended and self._ended[0][0] <= batch:
            _, key = self._ended.popleft()
            state = self._held.get(key)
            # A later batch may have opened it again, or have changed it without being committed.
            if state is not None and not state.is_open and state.batch <= batch:
                self._forget(key, state)
        while self._entities > self._max and self._held:
            key, state = next(iter(self._held.items()))
            if state.batch > batch:
                return  # not committed yet: the next commit tries again
            self._forget(key, state)

    def _forget(self, key: bytes, state: ConversationState) -> None:
        del self._held[key]
        self._entities -= state.weight


def entities(state: ConversationState) -> int:
    """The number of entities that a conversation counts as."""
    count = 4 + len(state.messages) + len(state.feedback) + len(state.comparisons)
    return count + state.size // BYTES_PER_ENTITY
