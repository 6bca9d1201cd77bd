"""Turns the records of a partition into rows, except unreadable ones and those written before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, UnknownBodyError, UnknownSchemaError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.sink.commit.context import PartitionContext
from plaudit_consumers.sink.errors import LogChangedError
from plaudit_consumers.sink.files.metadata import SourcePosition


class NewRows:
    """Makes canonical rows from the records of a partition, which must come in order.

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

    def read_table(self, records: Sequence[KafkaRecord]) -> Any:
        """The canonical table of the next records, without those that do not become rows.

        Raises:
            UnknownSchemaError, UnknownBodyError: a newer version wrote the record; upgrade the sink.
            LogChangedError: the offsets of the source events went back.
            RegistryError: the registry could not be asked.
        """
        reader, licence = self._context.reader, self._context.row_settings.training_licence
        try:
            table = reader.read_table(records, licence)
        except (ValueError, CodecError):
            # The fast reader cannot say which record failed, so the slow one checks each of them.
            records = [record for record in records if self._is_readable(record)]
            table = reader.read_table(records, licence)
        return self._without_repeats(self._without_strays(records, table))

    def _is_readable(self, record: KafkaRecord) -> bool:
        try:
            self._context.reader.check_payload(record.value or b"")
        except (UnknownSchemaError, UnknownBodyError) as error:
            raise type(error)(
                f"{self._context.place_of(record.offset)}: {error}; the sink does not skip records "
                "that it cannot read: upgrade it"
            ) from None
        except CodecError as error:
            self._refuse(record, error.refusal)
            return False
        return True

    def _without_strays(self, records: Sequence[KafkaRecord], table: Any) -> Any:
        """Refuse records whose source event is in another partition.

        Their source offsets cannot be compared with those of this partition, so repeats would go unnoticed.
        """
        partitions = table["source_partition"].to_numpy()
        own = partitions == self._context.partition
        if own.all():
            return table
        for index in np.flatnonzero(~own):
            detail = f"the record comes from source partition {partitions[index]}"
            self._refuse(records[int(index)], Refusal("invalid", detail))
        return table.filter(pa.array(own))

    def _without_repeats(self, table: Any) -> Any:
        """Drop repeats: records whose source offset is not beyond those of all records before.

        The worker sends records again after a crash, for example. A repeat also finished no later than the
        records before it. A record with a lower offset that finished later comes from an events topic that
        was recreated, and must not be dropped.
        """
        if not table.num_rows:
            return table
        offsets = np.append(self.source.offset, table["source_offset"].to_numpy())
        finished = np.append(self.source.finished_at, table["finished_at"].cast(pa.int64()).to_numpy())
        # Entry i has the maximum of all records before record i: the first entry is that of earlier files.
        furthest, latest = np.maximum.accumulate(offsets), np.maximum.accumulate(finished)
        is_new = offsets[1:] > furthest[:-1]
        is_of_new_topic = ~is_new & (finished[1:] > latest[:-1])
        if is_of_new_topic.any():
            index = int(np.argmax(is_of_new_topic))
            place = self._context.place_of(table["record_offset"][index].as_py())
            raise LogChangedError(
                f"{place}: the conversation finished later than all before it, but at an earlier offset "
                f"({offsets[index + 1]}) of the events topic: that topic was recreated; give the sink a new "
                "--output"
            )
        self.source = SourcePosition(offset=int(furthest[-1]), finished_at=int(latest[-1]))
        self.repeats += int(np.count_nonzero(~is_new))
        return table if is_new.all() else table.filter(pa.array(is_new))

    def _refuse(self, record: KafkaRecord, refusal: Refusal) -> None:
        self.dead_letters.append(DeadLetter.of(record, self._context.topic.name, refusal))
