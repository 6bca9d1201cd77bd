"""Tracks whether records can be written, and which ones the output still lacks after a failure."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.service.wait_notice import WaitNotice

from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.readiness import SinkReadiness

log = logging.getLogger("plaudit.sink")


class DroppedRange(NamedTuple):
    """Records of a partition that could not be written or read, and had to be dropped.

    Attributes:
        earliest_ms: the earliest broker timestamp.
        end: the offset after the last record.
    """

    earliest_ms: int
    end: int


class OutputState:
    """The states of the output, and the transitions between them.

    writing    Nothing has failed, or all dropped records are written. The sink is ready in this state only.
    waiting    A call has failed, or a record cannot be read before a registry answers or the sink is
               upgraded. The loop tries again, with pauses, until the output answers.
    rereading  The output answers, and the dropped records are read from Kafka again. A dropped range is
               committed with its last record at the latest, even if the file is not full, because only a
               commit shows that the output can be written.

    `begin_waiting` leads from any state to waiting. `end_waiting` leads from there to rereading, or to
    writing if nothing was dropped. `mark_written` of the last dropped range leads from rereading to writing.
    """

    def __init__(self, metrics: SinkMetrics, readiness: SinkReadiness) -> None:
        self._metrics, self._readiness = metrics, readiness
        self._dropped: dict[int, DroppedRange] = {}
        self._notice = WaitNotice(log)

    def begin_waiting(self, error: PlauditError) -> None:
        """Note that a call has failed, or that a record cannot be read now."""
        self._notice.note(str(error))
        self._metrics.counter("plaudit_sink_waits_total").inc()
        self._readiness.output_problem = str(error)

    def end_waiting(self) -> None:
        """Note that the output answers."""
        if not self._dropped:
            self._readiness.output_problem = None
            self._notice.note(None)

    def mark_dropped(self, partition: int, dropped: DroppedRange) -> None:
        """Note that the records of the partition were dropped, besides those that it lacks already."""
        lacking = self._dropped.get(partition, dropped)
        self._dropped[partition] = DroppedRange(
            min(lacking.earliest_ms, dropped.earliest_ms), max(lacking.end, dropped.end)
        )

    def mark_written(self, partition: int) -> None:
        """Note that the partition has committed a range."""
        self._dropped.pop(partition, None)
        self.end_waiting()

    def forget_partitions(self, partitions: Iterable[int]) -> None:
        """Forget the dropped records of partitions that were given up: other sinks read them now.

        The readiness is left to the assignment that follows.
        """
        for partition in partitions:
            self._dropped.pop(partition, None)

    def ends_dropped_range(self, record: KafkaRecord) -> bool:
        """Whether this is the last of the partition's dropped records to come again."""
        dropped = self._dropped.get(record.partition)
        return dropped is not None and record.offset + 1 >= dropped.end

    def earliest_dropped_ms(self) -> int | None:
        """The broker's timestamp of the earliest dropped record; None if there is none."""
        return min((dropped.earliest_ms for dropped in self._dropped.values()), default=None)
