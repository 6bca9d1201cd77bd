"""Turns the records of a partition into rows, except unreadable ones and those written before."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, MissingSchemaError, UnknownBodyError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.commit.context import PartitionContext
from plaudit_consumers.sink.errors import LogChangedError
from plaudit_consumers.sink.files.metadata import SourcePosition

_ARRIVAL: Final[dict[Subset, str]] = {"conversations": "finished_at", "amendments": "arrived_at"}
"""The column with the broker's time of the event that made a record."""


class NewRows:
    """Makes rows from the records of a partition, of both kinds, which must come in order.

    Attributes:
        source: the furthest source event of all records so far.
        repeats: how many records had been written before.
        dead_letters: the records that can never be read.
    """

    def __init__(self, context: PartitionContext, source: SourcePosition) -> None:
        """`source` is the furthest source event of all records before the first one."""
        self._context = context
        self.source = source
        self.repeats = 0
        self.dead_letters: list[DeadLetter] = []

    def read_tables(self, records: Sequence[KafkaRecord]) -> dict[Subset, Any]:
        """The tables of `conversations` and `amendments`, without the records that do not become rows.

        Raises:
            MissingSchemaError, UnknownBodyError: a newer version wrote the record; upgrade the sink.
            LogChangedError: the offsets of the source events went back.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        reader, licence = self._context.reader, self._context.licence
        try:
            tables = reader.read_tables(records, licence)
        except (ValueError, CodecError):
            # The fast reader cannot say which record failed, so the slow one checks each of them.
            records = [record for record in records if self._is_readable(record)]
            tables = reader.read_tables(records, licence)
        places = _Places.of(tables)
        own = self._without_strays(records, places)
        new = self._without_repeats(places.where(own))
        offsets = pa.array(places.where(own).where(new).record_offset)
        if len(offsets) == len(places.record_offset):
            return tables
        return {
            subset: table.filter(pc.is_in(table["record_offset"], offsets))
            for subset, table in tables.items()
        }

    def _is_readable(self, record: KafkaRecord) -> bool:
        try:
            self._context.reader.check_payload(record.value or b"")
        except (MissingSchemaError, UnknownBodyError) as error:
            raise self._context.unreadable(record, error) from None
        except CodecError as error:
            self._refuse(record, error.refusal)
            return False
        return True

    def _without_strays(self, records: Sequence[KafkaRecord], places: "_Places") -> Any:
        """Refuse records whose source event is in another partition. Returns which of them are not.

        Their source offsets cannot be compared with those of this partition, so repeats would go unnoticed.
        """
        own = places.source_partition == self._context.partition
        for index in np.flatnonzero(~own):
            detail = f"the record comes from source partition {places.source_partition[index]}"
            self._refuse(records[int(index)], Refusal("invalid", detail))
        return own

    def _without_repeats(self, places: "_Places") -> Any:
        """Which records are no repeats: their source offset is beyond those of all records before.

        The worker sends records again after a crash, for example. A repeat also finished no later than the
        records before it. A record with a lower offset that finished later comes from an events topic that
        was recreated, and must not be dropped.
        """
        if not len(places.record_offset):
            return np.zeros(0, np.bool_)
        offsets = np.append(self.source.offset, places.source_offset)
        finished = np.append(self.source.finished_at, places.finished_at)
        # Entry i has the maximum of all records before record i: the first entry is that of earlier files.
        furthest, latest = np.maximum.accumulate(offsets), np.maximum.accumulate(finished)
        is_new = offsets[1:] > furthest[:-1]
        is_of_new_topic = ~is_new & (finished[1:] > latest[:-1])
        if is_of_new_topic.any():
            index = int(np.argmax(is_of_new_topic))
            place = self._context.place_of(int(places.record_offset[index]))
            raise LogChangedError(
                f"{place}: the conversation finished later than all before it, but at an earlier offset "
                f"({offsets[index + 1]}) of the events topic: that topic was recreated; give the sink a new "
                "--output"
            )
        self.source = SourcePosition(offset=int(furthest[-1]), finished_at=int(latest[-1]))
        self.repeats += int(np.count_nonzero(~is_new))
        return is_new

    def _refuse(self, record: KafkaRecord, refusal: Refusal) -> None:
        self.dead_letters.append(DeadLetter.of(record, self._context.topic.name, refusal))


class _Places(NamedTuple):
    """Where the records of both kinds come from, in the order of the topic.

    Attributes:
        finished_at: when the event arrived, by the broker, in microseconds.
    """

    record_offset: Any
    source_partition: Any
    source_offset: Any
    finished_at: Any

    @classmethod
    def of(cls, tables: Mapping[Subset, Any]) -> Self:
        columns = [_place_columns(tables[subset], time) for subset, time in _ARRIVAL.items()]
        joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
        order = np.argsort(joined[0])
        return cls(*(column[order] for column in joined))

    def where(self, mask: Any) -> "_Places":
        return _Places(*(column[mask] for column in self))


def _place_columns(table: Any, time: str) -> list[Any]:
    columns = (table["record_offset"], table["source_partition"], table["source_offset"])
    return [*(column.to_numpy() for column in columns), table[time].cast(pa.int64()).to_numpy()]
