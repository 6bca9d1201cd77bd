"""What all files of a partition have in common."""

from typing import NamedTuple

from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.files.subset_files import BackgroundThread
from plaudit_consumers.sink.outputs.output import OutputRoot


class FinishedTopic(NamedTuple):
    """The topic that the sink reads: its full name and the id that Kafka gave it."""

    name: str
    id: str


class PartitionContext(NamedTuple):
    """One partition of the topic, with the output and the settings of its files.

    `reader` and `background` are shared by all partitions of the process.
    """

    topic: FinishedTopic
    partition: int
    output: OutputRoot
    row_settings: RowSettings
    zstd_level: int
    reader: CanonicalReader
    background: BackgroundThread

    def place_of(self, offset: int) -> str:
        """Topic, partition and offset of a record, for a message."""
        return f"{self.topic.name} {self.partition} at offset {offset}"
