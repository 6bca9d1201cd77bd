"""Which events of a batch the fold took, and what is known of their conversations. Pure.

A conversation is read from the live state, which the worker has brought past the batch. Where the state has
dropped it, as of an old log, this process folds the batch's records itself, on what it last knew of it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ERASE_CONVERSATION
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold import ConversationState, Effects, Rules, RulesHistory, fold_record

_KEPT_BYTES: Final = 32 * 1024 * 1024  # of JSON; in memory it is some times as much
_OF_A_STATE: Final = 2048  # bytes, beside its content


class AcceptedEvent(NamedTuple):
    """An event that the fold took.

    Attributes:
        event: in the sparse form.
        state: of its conversation, at the event or later.
    """

    offset: int
    arrived_ms: int
    event: Record
    state: ConversationState


class KeptStates:
    """What was last known of conversations, for those that the live state drops. The oldest are forgotten."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._states: OrderedDict[str, ConversationState] = OrderedDict()
        self._most, self._bytes = most_bytes, 0
        self._sizes: dict[str, int] = {}

    def find(self, key: str) -> ConversationState | None:
        """The state of the conversation with this key; None if it is not known."""
        return self._states.get(key)

    def keep(self, state: ConversationState) -> None:
        """Keep a state, in place of what was known."""
        if self._states.get(state.key) is state and self._sizes[state.key] == state.size + _OF_A_STATE:
            return  # the newest of a batch's events is as good as the first
        self.forget(state.key)
        self._states[state.key] = state
        self._sizes[state.key] = state.size + _OF_A_STATE
        self._bytes += self._sizes[state.key]
        while self._bytes > self._most:
            self.forget(next(iter(self._states)))

    def forget(self, key: str) -> None:
        """Forget a conversation, if it is known."""
        if self._states.pop(key, None) is not None:
            self._bytes -= self._sizes.pop(key)


class EventAcceptance:
    """Tells accepted events from refused ones, partition by partition, in the order of the log."""

    def __init__(self, rules: Rules, kept: KeptStates) -> None:
        """`rules` of the workers; their version does not matter."""
        self._rules, self._kept = rules, kept

    def accepted(
        self,
        decoded: Iterable[tuple[KafkaRecord, Record]],
        loaded: Mapping[str, ConversationState],
        history: RulesHistory,
    ) -> Iterator[AcceptedEvent]:
        """The accepted events among those of a batch, duplicates included.

        Args:
            loaded: key -> state, of the events' conversations that the live state has.
            history: of the partition.
        """
        for record, event in decoded:
            rules = replace(self._rules, version=history.version_at(record.offset))
            state = self._state_after(record, event, loaded, rules)
            if state is not None:
                yield AcceptedEvent(record.offset, record.timestamp, event, state)

    def _state_after(
        self, record: KafkaRecord, event: Record, loaded: Mapping[str, ConversationState], rules: Rules
    ) -> ConversationState | None:
        """The state of an accepted event's conversation; None if the fold refused the event."""
        key = f"{event['application']}/{event['conversation_id']}"
        live = loaded.get(key)
        if live is not None and live.erased:
            self._kept.forget(key)
            return live if event["body"][0] == ERASE_CONVERSATION and _is_keyed(record, key) else None
        if live is None or live.is_expired():
            return self._fold(record, event, live, rules)
        self._kept.keep(live)
        if event["event_id"] in live.seen:
            return live if _is_keyed(record, key) else None
        # Not in the state: it was refused, or it came so late that it was only passed on.
        if _is_past(live, record, rules) and _takes(_ended(live), record, event, rules):
            return live
        return None

    def _fold(
        self, record: KafkaRecord, event: Record, live: ConversationState | None, rules: Rules
    ) -> ConversationState | None:
        key = f"{event['application']}/{event['conversation_id']}"
        known = self._kept.find(key) or (None if live is None else _ended(live))
        folded = fold_record(record, event, lambda _key: known, Effects(), rules)
        if isinstance(folded, Refusal):
            return None
        folded.size += len(record.value or b"")
        self._kept.keep(folded)
        return folded


def _is_keyed(record: KafkaRecord, key: str) -> bool:
    return record.key == key.encode()


def _is_past(state: ConversationState, record: KafkaRecord, rules: Rules) -> bool:
    """Whether a record came past the retention of an ended conversation."""
    if state.is_open or state.end is None:
        return False
    return bool(record.timestamp - state.end["arrived_ms"] > rules.state_retention_ms)


def _takes(state: ConversationState, record: KafkaRecord, event: Record, rules: Rules) -> bool:
    return not isinstance(fold_record(record, event, lambda _key: state, Effects(), rules), Refusal)


def _ended(state: ConversationState) -> ConversationState:
    """An empty conversation that ended when this one did, to fold on where the content is gone."""
    empty = ConversationState(state.application, state.conversation_id)
    empty.end, empty.revision = state.end, state.revision
    return empty
