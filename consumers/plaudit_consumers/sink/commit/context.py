"""What every file of a partition shares."""

from typing import NamedTuple

from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.files.subset_files import BackgroundThread
from plaudit_consumers.sink.outputs.output import OutputRoot


class FinishedTopic(NamedTuple):
    """The topic that the sink reads: its full name and Kafka's id of it."""

    name: str
    id: str


class PartitionContext(NamedTuple):
    """One partition of the topic, where its files go, and how they are made.

    `reader` and `background` serve all partitions of the process.
    """

    topic: FinishedTopic
    partition: int
    output: OutputRoot
    row_settings: RowSettings
    zstd_level: int
    reader: CanonicalReader
    background: BackgroundThread

    def place_of(self, offset: int) -> str:
        """Where a record lies, for a message."""
        return f"{self.topic.name} {self.partition} at offset {offset}"
