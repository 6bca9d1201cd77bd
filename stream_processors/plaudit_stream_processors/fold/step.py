"""One record of the log: decoded, checked, folded, or refused with a reason.

The worker, the audit and the queries all fold through here, so they agree on every record.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.contract.limits import FINISHED_BYTES
from plaudit_schemas.contract.log_checks import check_key
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, RefusedError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects, Emission
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.folding import fold
from plaudit_stream_processors.fold.rules import Rules

FindState = Callable[[Any], ConversationState | None]
"""Gives the state that is held under a record's key; None where none is."""


def fold_record(
    record: KafkaRecord, event: Record | CodecError, find: FindState, effects: Effects, rules: Rules
) -> ConversationState | Refusal:
    """Fold one record into the state of its conversation; gives that state, or why the record is refused.

    The state is a new one where `find` knows none: the caller keeps what comes back. A refused record leaves
    states and effects as they were.

    Args:
        event: what a sparse Decoder made of the record's value.
    """
    if isinstance(event, CodecError):
        return event.refusal
    key = record.key
    state = find(key)
    try:
        # A held state whose ids are the event's proves the key; comparing them is cheaper than making it.
        if state is None or not (
            state.conversation_id == event["conversation_id"] and state.application == event["application"]
        ):
            check_key(event, key)
            state = ConversationState(event["application"], event["conversation_id"])
        size = len(record.value or b"")
        fold(state, Event(event, record.partition, record.offset, record.timestamp, size), effects, rules)
    except RefusedError as refused:
        return refused.refusal
    return state


class Finished(NamedTuple):
    """A finished conversation as bytes, or why it cannot be sent."""

    emission: Emission
    value: bytes
    refusal: Refusal | None


def encode_finished(effects: Effects, encoder: Encoder) -> Iterator[Finished]:
    """Encode what the last record finished, and forget it.

    To be called after each record: the emissions refer to states that the next one may change.
    """
    for emission in effects.finished:
        value, refusal = encoder.encode(emission.record), None
        if len(value) > FINISHED_BYTES:
            detail = f"the finished conversation has {len(value)} bytes, over the limit"
            refusal = Refusal("invalid", detail)
        yield Finished(emission, value, refusal)
    effects.finished.clear()
