"""Recount everything from the log: what state, counters and finished conversations must be.

A fold over the whole log with nothing kept anywhere: rolling values in Redis must equal it, to the unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from plaudit_schemas.codec import Decoder, Record
from plaudit_schemas.dead_letters import Reason
from plaudit_schemas.errors import CodecError

from plaudit_stream_processors.fold import Conversation, Effects, Event, Refused, Rules, fold
from plaudit_stream_processors.fold.events import check_key
from plaudit_stream_processors.metrics.buckets import Cells


class LogRecord(NamedTuple):
    """One record of the events topic."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Recount:
    """What a log amounts to.

    Attributes:
        states: key -> state, of each partition.
        buckets: bucket's name -> cells, of each partition.
        finished: (partition, offset) -> record of a finished conversation or tombstone.
        refused: (partition, offset) -> reason.
    """

    states: dict[int, dict[str, Conversation]] = field(default_factory=dict)
    buckets: dict[int, dict[str, Cells]] = field(default_factory=dict)
    finished: dict[tuple[int, int], Record] = field(default_factory=dict)
    refused: dict[tuple[int, int], Reason] = field(default_factory=dict)
    events: int = 0


def recount(log: Iterable[LogRecord], rules: Rules, decoder: Decoder | None = None) -> Recount:
    """Fold a log, each partition in its order. Holds every state in memory."""
    decoder = decoder or Decoder("conversation_event", sparse=True)
    result = Recount()
    effects: dict[int, Effects] = {}
    for record in log:
        result.events += 1
        per_partition = effects.setdefault(record.partition, Effects())
        states = result.states.setdefault(record.partition, {})
        try:
            _take(record, decoder, states, per_partition, rules)
        except Refused as refused:
            result.refused[record.partition, record.offset] = refused.reason
        except CodecError as error:
            result.refused[record.partition, record.offset] = error.reason
        for emission in per_partition.finished:
            result.finished[record.partition, emission.offset] = emission.record
        per_partition.finished.clear()
    for partition, collected in effects.items():
        result.buckets[partition] = collected.counters.by_bucket()
    return result


def _take(
    record: LogRecord, decoder: Decoder, states: dict[str, Conversation], effects: Effects, rules: Rules
) -> None:
    value = record.value or b""
    event = decoder.decode(value)
    check_key(event, record.key)
    key = f"{event['application']}/{event['conversation_id']}"
    state = states.get(key) or Conversation(event["application"], event["conversation_id"])
    fold(state, Event(event, record.partition, record.offset, record.timestamp, len(value)), effects, rules)
    states[key] = state
