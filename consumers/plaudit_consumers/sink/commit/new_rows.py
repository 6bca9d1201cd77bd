"""Which records of a partition become rows: not those that cannot be read, nor those written before."""

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
    """Canonical rows of a partition's records, which are given in their order.

    Attributes:
        source: the furthest event of all records so far.
        repeats: how many records had been written before.
        dead_letters: the records that can never be read.
    """

    def __init__(self, context: PartitionContext, source: SourcePosition) -> None:
        """`source` is the furthest event of everything before the first record."""
        self._context = context
        self.source = source
        self.repeats = 0
        self.dead_letters: list[DeadLetter] = []

    def read_table(self, records: Sequence[KafkaRecord]) -> Any:
        """The canonical table of the next records, without those that become no row.

        Raises:
            UnknownSchemaError, UnknownBodyError: a newer writer's record, to be read after an upgrade.
            LogChangedError: the offsets of the source events went back.
            RegistryError: the registry could not be asked.
        """
        reader, licence = self._context.reader, self._context.row_settings.training_licence
        try:
            table = reader.read_table(records, licence)
        except (ValueError, CodecError):  # one of them cannot be read: look for it
            records = [record for record in records if self._is_readable(record)]
            table = reader.read_table(records, licence)
        return self._without_repeats(self._without_strays(records, table))

    def _is_readable(self, record: KafkaRecord) -> bool:
        try:
            self._context.reader.check_payload(record.value or b"")
        except (UnknownSchemaError, UnknownBodyError) as error:
            raise type(error)(
                f"{self._context.place_of(record.offset)}: {error}; the sink does not pass over what it "
                "cannot read: upgrade it"
            ) from None
        except CodecError as error:
            self._refuse(record, error.refusal)
            return False
        return True

    def _without_strays(self, records: Sequence[KafkaRecord], table: Any) -> Any:
        """Refuse records whose source event lies in another partition: their offsets tell nothing here."""
        partitions = table["source_partition"].to_numpy()
        own = partitions == self._context.partition
        if own.all():
            return table
        for index in np.flatnonzero(~own):
            detail = f"the record is of source partition {partitions[index]}"
            self._refuse(records[int(index)], Refusal("invalid", detail))
        return table.filter(pa.array(own))

    def _without_repeats(self, table: Any) -> Any:
        """Drop records whose source event is not beyond all before it: the worker has sent them again.

        A repeat also finished no later than those before it. One that finished later comes from an events
        topic that was made anew, and must not be dropped.
        """
        if not table.num_rows:
            return table
        offsets = np.append(self.source.offset, table["source_offset"].to_numpy())
        finished = np.append(self.source.finished_at, table["finished_at"].cast(pa.int64()).to_numpy())
        furthest, latest = np.maximum.accumulate(offsets), np.maximum.accumulate(finished)
        is_new = offsets[1:] > furthest[:-1]
        is_of_new_topic = ~is_new & (finished[1:] > latest[:-1])
        if is_of_new_topic.any():
            index = int(np.argmax(is_of_new_topic))
            place = self._context.place_of(table["record_offset"][index].as_py())
            raise LogChangedError(
                f"{place}: the conversation finished later than any "
                f"before it, but by an earlier offset ({offsets[index + 1]}) of the events: that topic was "
                "made anew; give the sink a new --output"
            )
        self.source = SourcePosition(offset=int(furthest[-1]), finished_at=int(latest[-1]))
        self.repeats += int(np.count_nonzero(~is_new))
        return table if is_new.all() else table.filter(pa.array(is_new))

    def _refuse(self, record: KafkaRecord, refusal: Refusal) -> None:
        self.dead_letters.append(DeadLetter.of(record, self._context.topic.name, refusal))
