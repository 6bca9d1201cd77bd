"""Records to partitions, partitions to the output: everything of the sink that knows no Kafka."""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from plaudit_consumers.rows.reading import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.background import Background
from plaudit_consumers.sink.output import Output
from plaudit_consumers.sink.partition import Committed, Partition
from plaudit_consumers.sink.root import Readme, canonical_files, claim_root, inspect
from plaudit_consumers.sink.rotation import Limits
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.telemetry import Telemetry
from plaudit_consumers.sink.writing import Job, Raw, Refused

log = logging.getLogger("plaudit.sink")


class Topic(NamedTuple):
    """The finished topic: its full name and Kafka's id of it."""

    name: str
    id: str


class Sink:
    """The partitions that one process writes.

    Attributes:
        partitions: those owned, by number.
    """

    def __init__(
        self,
        topic: Topic,
        output: Output,
        settings: tuple[SinkSettings, RowSettings],
        reader: CanonicalReader,
        *,
        telemetry: Telemetry,
        refuse: Callable[[int, list[Refused]], None],
        writer: str,
    ) -> None:
        """Raises OutputError, ForeignFileError or LogChangedError where the output does not fit."""
        self._topic, self._output, self._reader = topic, output, reader
        self._settings, self._rows = settings
        self._limits = Limits(
            self._settings.rotate_rows, self._settings.rotate_bytes, self._settings.rotate_minutes * 60_000
        )
        self._telemetry, self._refuse, self._writer = telemetry, refuse, writer
        self.partitions: dict[int, Partition] = {}
        self._room = 0
        self._background = Background()
        output.check()
        claim_root(output, topic.name, topic.id)
        self._readme = Readme(output, inspect(output))

    def own(self, numbers: Iterable[int]) -> dict[int, int | None]:
        """Take partitions over; where to read each from, None where nothing was ever written.

        Raises:
            ForeignFileError, FencedError, OutputUnavailableError: as `Partition.recover`.
        """
        files = canonical_files(self._output)
        positions = {}
        for number in numbers:
            job = Job(
                self._topic.name,
                self._topic.id,
                number,
                self._rows,
                self._settings.zstd_level,
                self._reader,
                self._background,
            )
            partition = Partition(job, self._output, self._limits, self._writer, self._refuse)
            positions[number] = partition.recover(files.get(number, []))
            self.partitions[number] = partition
        self._telemetry.assigned(len(self.partitions))
        return positions

    def disown(self, numbers: Iterable[int]) -> None:
        """Let partitions go; what is not in the output is read again by their next owner."""
        for number in numbers:
            partition = self.partitions.pop(number, None)
            if partition is not None:
                partition.discard()
        self._telemetry.assigned(len(self.partitions))

    def take(self, number: int, raw: Raw) -> Committed | None:
        """Take a record of an owned partition; what was committed by that."""
        committed = self._noted(self.partitions[number].take(raw))
        self._room -= len(raw.payload)
        if self._room < 0:
            self._make_room()
        return committed

    def commit(self, number: int) -> Committed | None:
        """Put what a partition holds into the output."""
        return self._noted(self.partitions[number].commit())

    def oldest_ms(self) -> int | None:
        """The broker's timestamp of the oldest record that is not in the output yet."""
        known = [partition.earliest_ms for partition in self.partitions.values()]
        return min((each for each in known if each is not None), default=None)

    def _make_room(self) -> None:
        """Spill the fullest partitions until what all of them hold fits."""
        most = self._settings.sink_memory_mb << 20
        while (held := sum(partition.held_bytes for partition in self.partitions.values())) > most:
            max(self.partitions.values(), key=lambda partition: partition.held_bytes).spill()
        self._room = most - held

    def _noted(self, committed: Committed | None) -> Committed | None:
        if committed is not None:
            self._readme.note(set(committed.rows))
            self._telemetry.committed(committed)
        return committed
