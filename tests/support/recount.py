"""Recounts from the log what state, counters and finished conversations must be.

It folds the whole log in memory and stores nothing. The rolling values in Redis must equal it to the unit.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

from plaudit_schemas.codec.wire import Decoder, Record
from plaudit_schemas.contract.reasons import Reason, Refusal
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import ConversationState, Effects, Rules, fold_record
from plaudit_stream_processors.metrics.buckets import Cells


@dataclass(slots=True)
class Recount:
    """The results of a log.

    Attributes:
        states: partition -> key -> state.
        buckets: partition -> name of the bucket -> cells.
        finished: (partition, offset) -> record of a finished conversation or tombstone.
        refused: (partition, offset) -> reason.
    """

    states: dict[int, dict[str, ConversationState]] = field(default_factory=dict)
    buckets: dict[int, dict[str, Cells]] = field(default_factory=dict)
    finished: dict[tuple[int, int], Record] = field(default_factory=dict)
    refused: dict[tuple[int, int], Reason] = field(default_factory=dict)
    events: int = 0


def recount(log: Iterable[KafkaRecord], rules: Rules, decoder: Decoder | None = None) -> Recount:
    """Fold a log whose partitions are each in order. Holds every state in memory."""
    decoder = decoder or Decoder("conversation_event", sparse=True)
    result = Recount()
    effects: dict[int, Effects] = {}
    states: dict[int, dict[bytes | None, ConversationState]] = {}
    for record in log:
        result.events += 1
        collected = effects.setdefault(record.partition, Effects())
        held = states.setdefault(record.partition, {})
        (event,) = decoder.decode_many([record.value])
        folded = fold_record(record, event, held.get, collected, rules)
        if isinstance(folded, Refusal):
            result.refused[record.partition, record.offset] = folded.reason
            continue
        held[record.key] = folded
        for emission in collected.finished:
            # A copy, because the record refers to the state, and the next event may change that.
            result.finished[record.partition, emission.offset] = deepcopy(emission.record)
        collected.finished.clear()
    for partition, collected in effects.items():
        result.buckets[partition] = collected.counters.by_bucket()
        result.states[partition] = {state.key: state for state in states[partition].values()}
    return result
