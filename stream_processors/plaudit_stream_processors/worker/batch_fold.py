"""Finds the states of one batch of one partition, folds it, and prepares all that is to be written for it.

These loops run once for each event, so they are compiled (plaudit_schemas.compiled).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord

from plaudit_stream_processors.fold import (
    ConversationState,
    Effects,
    Rules,
    encode_finished,
    fold_record,
    has_own_place,
)
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.commit import Commit, conversation_changes
from plaudit_stream_processors.worker.batch_labels import BatchLabels
from plaudit_stream_processors.worker.batches import FoldContext, Prepared


def collect_batch(
    records: Sequence[KafkaRecord],
    decoded: Sequence[Record | CodecError],
    number: int,
    cache: ConversationCache,
    labels: BatchLabels,
    rules: Rules,
) -> dict[str, Record]:
    """Collect the labels of a batch's events, and of the states that are in the cache.

    Args:
        number: of the batch. Its states stay in the cache until it is committed.

    Returns:
        Key of each conversation that is not in the cache -> its last event.
    """
    missing: dict[str, Record] = {}
    find = cache.find
    for record, event in zip(records, decoded, strict=True):
        if event.__class__ is not dict:
            continue  # it was not decoded; the fold refuses it
        key: Any = record.key
        state = find(key)
        if state is not None:
            state.batch = number
            labels.collect_state(state)
        elif has_own_place(event, record, rules):
            missing[f"{event['application']}/{event['conversation_id']}"] = event
        else:
            continue
        labels.collect_event(event)
    return missing


class BatchFold:
    """Folds the records of one batch, and collects what is to be written for them."""

    def __init__(
        self, context: FoldContext, cache: ConversationCache, partition: int, epoch: str, number: int
    ) -> None:
        self._context, self._cache, self._partition, self._epoch = context, cache, partition, epoch
        self._number, self._effects = number, Effects()
        self._touched: dict[bytes, ConversationState] = {}
        self._finished: list[ProducerRecord] = []
        self._dead_letters: list[DeadLetter] = []
        self._arrived_ms = 0
        self._events = 0

    def fold_records(self, pairs: Iterable[tuple[KafkaRecord, Record | CodecError]]) -> int:
        """Fold records with their decoded values, and keep dead letters of refused ones. Returns how many."""
        # Local names are faster.
        find, effects, touched = self._cache.find, self._effects, self._touched
        context, latest, count = self._context, self._arrived_ms, 0
        rules, topic = context.rules, context.topics.events
        for record, event in pairs:
            count += 1
            if record.timestamp > latest:
                latest = record.timestamp
            state = fold_record(record, event, find, effects, rules)
            if isinstance(state, Refusal):
                self._dead_letters.append(DeadLetter.of(record, topic, state))
                continue
            if effects.finished:
                self._encode_finished(record)
            if not state.events and not state.erased:
                continue  # a model's word on a conversation that is not here: there is nothing to keep
            key: Any = record.key
            touched[key] = state
            state.size += len(record.value or b"")
        self._arrived_ms = latest
        self._events += count
        return count

    def result(self, first_offset: int, next_offset: int) -> Prepared:
        """Everything that is to be written for the batch."""
        ids: list[str] = []
        changes: list[Any] = []
        for key, state in self._touched.items():
            ids.append(state.key)
            changes += conversation_changes(state)
            self._cache.batch_touched(key, state, self._number)
        commit = Commit(
            self._partition, self._epoch, first_offset, next_offset, self._arrived_ms,
            ids, changes, self._effects.counters.by_bucket(),
        )  # fmt: skip
        return Prepared(self._number, commit, self._events, self._effects, self._finished, self._dead_letters)

    def _encode_finished(self, record: KafkaRecord) -> None:
        context = self._context
        for emission, value, refusal in encode_finished(self._effects, context.encoders):
            if refusal is not None:
                self._dead_letters.append(DeadLetter.of(record, context.topics.events, refusal))
                continue
            # In the partition of its events, so that source offsets only grow within it.
            key = emission.key.encode()
            self._finished.append(ProducerRecord(context.topics.finished, key, value, self._partition))
