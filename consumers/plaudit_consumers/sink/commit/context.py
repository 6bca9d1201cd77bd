"""What all files of a partition have in common."""

from typing import NamedTuple

from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.sink.files.subset_files import BackgroundThread
from plaudit_consumers.sink.outputs.output import OutputRoot


class FinishedTopic(NamedTuple):
    """The topic that the sink reads: its full name and the id that Kafka gave it."""

    name: str
    id: str


class PartitionContext(NamedTuple):
    """One partition of the topic, with the output and the settings of its files.

    Attributes:
        licence: of conversations without a tag for it; None leaves it open.
        reader, background: shared by all partitions of the process.
    """

    topic: FinishedTopic
    partition: int
    output: OutputRoot
    licence: str | None
    zstd_level: int
    reader: FinishedReader
    background: BackgroundThread

    def place_of(self, offset: int) -> str:
        """Topic, partition and offset of a record, for a message."""
        return f"{self.topic.name} {self.partition} at offset {offset}"

    def unreadable(self, record: KafkaRecord, error: CodecError) -> CodecError:
        """The same error for a record that another sink could read, and that is therefore not passed over."""
        return type(error)(
            f"{self.place_of(record.offset)}: {error}; the sink does not skip records that it cannot read: "
            "upgrade it"
        )
