"""The events of one conversation in the log, and the conversation as of each of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.contract.names import ERASE_CONVERSATION, short_name
from plaudit_schemas.errors import CodecError, NotFoundError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_stream_processors.fold import ConversationState, Effects, Rules, RulesHistory, fold_record

_LOOK_AT_CLOCK: Final = 1000
_ANSWER_S: Final = 15.0
MOST_BYTES: Final = 128 << 20
"""Of the events of one conversation that are kept."""


class LoggedEvent(NamedTuple):
    """One event of the conversation, as the worker took it.

    Attributes:
        arrived_ms: by the broker's clock.
        body: the short name of what it says, such as AddMessage; empty if it cannot be read.
        fields: what it says; a sparse record.
        refused: why the worker refused it; None if it counts.
    """

    offset: int
    arrived_ms: int
    event_id: str
    source: str
    body: str
    fields: Mapping[str, Any]
    refused: str | None = None


class HistoryProgress(NamedTuple):
    """How far the log is read.

    Attributes:
        read: offsets that were passed, out of `of`.
        whole: whether the log was read to the end that it had then.
        too_large: whether the conversation's events do not fit into memory; no more are read.
    """

    read: int
    of: int
    whole: bool
    too_large: bool = False


class ConversationHistory:
    """Reads a conversation's partition once, keeps its events, and folds them up to any of them.

    `read` blocks, and may be called again: it goes on where it stopped, and later from the old end of the log
    to the new one. `progress` may be called from other threads meanwhile.

    Args:
        history: of the conversation's partition, so that each event is folded as the worker folded it.
        since_ms: read only what arrived from this time on; None reads from the log's start.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        rules: Rules,
        history: RulesHistory,
        application: str,
        conversation_id: str,
        since_ms: int | None = None,
    ) -> None:
        self._connection, self._rules, self._history = connection, rules, history
        self._key = conversation_key(application, conversation_id)
        self._name, self._since_ms = f"{application}/{conversation_id}", since_ms
        self._decoder = Decoder("conversation_event", schemas_of(connection), sparse=True)
        self._records: list[KafkaRecord] = []
        self._size = 0
        self._first: int | None = None
        self._next = self._end = 0
        self._lock = Lock()
        self._whole = self._too_large = self._stopped = False
        self.erased_ms: int | None = None
        """When the conversation was erased; its events are then gone from here, too."""

    def progress(self) -> HistoryProgress:
        """How far `read` has come."""
        first = self._first or 0
        return HistoryProgress(self._next - first, self._end - first, self._whole, self._too_large)

    def stop(self) -> None:
        """Make a `read` of another thread return soon, and later ones at once. What was read is kept."""
        self._stopped = True

    def read(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Read on for so long, or to the end of the log. Calls of several threads wait for each other.

        Raises:
            TopicError: there is no events topic.
            ServiceUnavailableError: Kafka does not answer.
        """
        ends = clock() + seconds
        with self._lock, TopicReader(self._connection, EVENTS, timeout_s=_ANSWER_S) as reader:
            partition = partition_of(self._key, len(reader.partitions()))
            first, self._end = reader.ends(partition)
            if self._first is None:
                start = first if self._since_ms is None else reader.first_since(partition, self._since_ms)
                self._first = self._next = min(max(first, start), self._end)
            self._whole = self._next >= self._end
            for number, record in enumerate(reader.records(partition, self._next, self._end), 1):
                self._next = record.offset + 1
                if record.key == self._key:
                    self._take(record)
                is_late = number % _LOOK_AT_CLOCK == 0 and clock() > ends
                if (is_late or self._stopped) and self._next < self._end:
                    return
            self._next, self._whole = self._end, True

    def events(self) -> list[LoggedEvent]:
        """All events that were read, in the order of the log; none if the conversation was erased."""
        return self._folded(None)[1]

    def state_at(self, offset: int) -> ConversationState:
        """The state as of an offset, which is included.

        Raises:
            NotFoundError: there was no such conversation yet, or it was erased.
        """
        state = self._folded(offset)[0]
        if state is None:
            raise NotFoundError(f"the log had no conversation {self._name!r} by then, or has it no more")
        return state

    def _take(self, record: KafkaRecord) -> None:
        if _body_of(self._decoder.decode_many([record.value])[0])[0] == ERASE_CONVERSATION:
            # The log keeps the texts until its retention is over, but nobody may see them any more.
            self._records, self._size, self.erased_ms = [], 0, record.timestamp
        if self.erased_ms is not None or self._too_large:
            return
        self._size += len(record.value or b"")
        self._too_large = self._size > MOST_BYTES
        if not self._too_large:
            self._records.append(record)

    def _folded(self, until: int | None) -> tuple[ConversationState | None, list[LoggedEvent]]:
        records = [record for record in self._records if until is None or record.offset <= until]
        states: dict[bytes | None, ConversationState] = {}
        effects, events = Effects(), []
        for record, event in zip(
            records, self._decoder.decode_many([one.value for one in records]), strict=True
        ):
            told = _told(record, event)
            rules = replace(self._rules, version=self._history.version_at(record.offset))
            folded = fold_record(record, event, states.get, effects, rules)
            if isinstance(folded, ConversationState):
                states[self._key] = folded
            else:
                told = told._replace(refused=f"{folded.reason}: {folded.detail}")
            events.append(told)
        return states.get(self._key), events


def _told(record: KafkaRecord, event: Any) -> LoggedEvent:
    name, fields = _body_of(event)
    known = {} if isinstance(event, CodecError) else event
    return LoggedEvent(
        offset=record.offset,
        arrived_ms=record.timestamp,
        event_id=str(known.get("event_id", "")),
        source=str(known.get("source", "")),
        body=short_name(name) if name else "",
        fields=dict(fields),  # the fold changes what it is given
    )


def _body_of(event: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(event, CodecError):
        return "", {}
    name, fields = event["body"]
    return name, fields
