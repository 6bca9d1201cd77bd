"""A worker's own copies of one partition's conversations, so that most events need no read from Redis."""

from collections import OrderedDict

from plaudit_stream_processors.fold import Conversation


class ConversationCache:
    """Least recently used first, bounded by the number of entities (conversations, messages, feedback).

    A state is forgotten only after the batch that touched it last was committed: until then
    Redis has an older one.
    """

    def __init__(self, max_entities: int) -> None:
        self._max = max_entities
        self._held: OrderedDict[str, Conversation] = OrderedDict()
        self._entities = 0

    def get(self, key: str) -> Conversation | None:
        """The copy, if there is one."""
        return self._held.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def put(self, state: Conversation) -> None:
        """Keep a copy that Redis gave, or a new conversation."""
        self._held[state.key] = state
        state.weight = entities(state)
        self._entities += state.weight

    def touched(self, state: Conversation, batch: int) -> None:
        """A batch used it; called once at the batch's end."""
        state.batch = batch
        weight = entities(state)
        self._entities += weight - state.weight
        state.weight = weight
        self._held.move_to_end(state.key)

    def committed(self, batch: int) -> None:
        """Batches up to this one are in Redis: forget what is over the bound."""
        while self._entities > self._max and self._held:
            key, state = next(iter(self._held.items()))
            if state.batch > batch:
                return
            del self._held[key]
            self._entities -= state.weight

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._entities = 0


def entities(state: Conversation) -> int:
    """What a conversation counts for in the bound."""
    return 4 + len(state.messages) + len(state.feedback) + len(state.comparisons)
