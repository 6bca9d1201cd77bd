"""One step of the fold: a decoded record is checked and folded, or refused with a reason.

The worker, the audit and the queries all take this step, so they agree on every record.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.contract.keys import PARTITIONER, partition_of
from plaudit_schemas.contract.limits import FINISHED_BYTES
from plaudit_schemas.contract.log_checks import check_key
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, RefusedError, WrongPartitionError
from plaudit_schemas.kafka.dead_letters import first_arrival_ms
from plaudit_schemas.kafka.page_mark import sent_by_page
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects, Emission, Emitted
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.folding import fold
from plaudit_stream_processors.fold.rules import CAPS_VERSION, CLOCKS_VERSION, PAGES_VERSION, Rules

FindState = Callable[[Any], ConversationState | None]
"""Returns the state that is held under a record's key, or None."""


def fold_record(
    record: KafkaRecord, event: Record | CodecError, find: FindState, effects: Effects, rules: Rules
) -> ConversationState | Refusal:
    """Fold one record into the state of its conversation. Returns that state, or why the record is refused.

    Where `find` has no state, a new one is returned, and the caller must keep it. A refused record changes
    neither states nor effects.

    Args:
        event: the record's value as a sparse Decoder returns it: an event or an error.
    """
    if isinstance(event, CodecError):
        return event.refusal
    key = record.key
    state = find(key)
    if state is not None and rules.version >= CAPS_VERSION and state.is_hollow():
        state.begin_again()
    try:
        # A held state was found by the key: if its ids equal the event's, the key is right. Comparing the ids
        # is cheaper than building the key from them.
        if state is None or not (
            state.conversation_id == event["conversation_id"] and state.application == event["application"]
        ):
            check_place(event, record, rules)
            state = ConversationState(event["application"], event["conversation_id"])
        taken = Event(
            event, record.partition, record.offset, record.timestamp, len(record.value or b""),
            version=rules.version,
            first_arrived_ms=first_arrival_ms(record) if record.headers else None,
        )  # fmt: skip
        taken.by_page = bool(record.headers) and rules.version >= PAGES_VERSION and sent_by_page(record)
        fold(state, taken, effects, rules)
    except RefusedError as refused:
        return refused.refusal
    return state


def check_place(event: Record, record: KafkaRecord, rules: Rules) -> None:
    """Refuse a record with another key than its event's, or in a partition that its key does not belong to.

    Raises:
        InvalidEventError: the key is not the event's.
        WrongPartitionError: the partition is not the key's.
    """
    key: Any = record.key
    check_key(event, key)
    if rules.partitions and rules.version >= CLOCKS_VERSION:
        own = partition_of(key, rules.partitions)
        if own != record.partition:
            raise WrongPartitionError(
                f"the record is in partition {record.partition}, but its key belongs to {own}; send with the "
                f"partitioner {PARTITIONER}"
            )


def has_own_place(event: Record, record: KafkaRecord, rules: Rules) -> bool:
    """Whether a record has the key of its event, and lies in its partition; the fold refuses all others."""
    try:
        check_place(event, record, rules)
    except RefusedError:
        return False
    return True


class Finished(NamedTuple):
    """A finished conversation or an amendment as bytes. `refusal` says why it cannot be sent, if so."""

    emission: Emission
    value: bytes
    refusal: Refusal | None


def encode_finished(effects: Effects, encoders: Mapping[Emitted, Encoder]) -> Iterator[Finished]:
    """Encode what the last record emitted, and remove it from `effects`.

    Call it after each record: the emissions refer to states that the next record may change.
    """
    for emission in effects.finished:
        if emission.refusal is not None:
            yield Finished(emission, b"", emission.refusal)
            continue
        value, refusal = encoders[emission.schema].encode(emission.record), None
        # A dead letter, not a record: Kafka would refuse it, and the worker's output stops at a refusal.
        if len(value) > FINISHED_BYTES:
            detail = f"the finished conversation has {len(value)} bytes, over the limit"
            capped = emission.record.get("rules", 0) >= CAPS_VERSION
            refusal = Refusal("too_large" if capped else "invalid", detail)
        yield Finished(emission, value, refusal)
    effects.finished.clear()
