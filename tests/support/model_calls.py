"""Model calls of tests, and what the fold makes of the events that they became."""

import copy
from collections.abc import Sequence
from typing import Any

from plaudit_producers.model_calls.call import CallAnswer, CallMessage, ModelCall
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.errors import RefusedError
from plaudit_stream_processors.fold import ConversationState, Effects, Event, Rules, fold

_ROLES: dict[str, Any] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def chat(*said: str) -> tuple[CallMessage, ...]:
    """Messages from texts such as `u: Where is it?`, with the first letter of the role."""
    return tuple(CallMessage(_ROLES[text[0]], text[2:].strip()) for text in said)


def call(given: Sequence[CallMessage], *answers: str | CallAnswer, **fields: Any) -> ModelCall:
    """A call in conversation `c1`."""
    made = [CallAnswer(CallMessage("assistant", each)) if isinstance(each, str) else each for each in answers]
    return ModelCall(tuple(given), tuple(made), **{"conversation_id": "c1", **fields})


class FoldedLog:
    """The state of one conversation after the events of several producers, in the order of the log."""

    def __init__(self, *producers: InMemoryProducer, conversation_id: str = "c1") -> None:
        self.state = ConversationState("test", conversation_id)
        self.effects = Effects()
        self.refused: list[str] = []
        decoder = Decoder("conversation_event", sparse=True)
        values = [value for producer in producers for _, value in producer.messages]
        for offset, value in enumerate(values):
            record = copy.deepcopy(decoder.decode(value))
            if record["conversation_id"] != conversation_id:
                continue
            event = Event(
                record, 0, offset, record["occurred_at"] // 1000, len(value), version=Rules().version
            )
            try:
                fold(self.state, event, self.effects, Rules())
            except RefusedError as refused:
                self.refused.append(str(refused))

    def paths(self) -> list[list[str]]:
        """The texts of every line of messages, from a root to a leaf, sorted."""
        messages = self.state.messages
        parents = {message["parent_id"] for message in messages.values()}
        leaves = [message for message_id, message in messages.items() if message_id not in parents]
        return sorted(self._line(leaf) for leaf in leaves)

    def _line(self, message: dict[str, Any]) -> list[str]:
        before = self.state.messages.get(message["parent_id"])
        return [*(self._line(before) if before else []), message["content"]]
