"""Whether the output can be written, as far as the sink knows, and what it still lacks after a failure."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.sink.errors import OutputUnavailableError
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.readiness import SinkReadiness

log = logging.getLogger("plaudit.sink")


class DroppedRange(NamedTuple):
    """Records of a partition that were held when the output failed, and were dropped.

    Attributes:
        earliest_ms: the broker's timestamp of the earliest.
        end: the offset after the last.
    """

    earliest_ms: int
    end: int


class OutputState:
    """The states of the output, and the transitions between them.

    writing    Nothing has failed, or all that was dropped is written. Only in this state is the sink ready.
    waiting    A call has failed. The loop tries again, with pauses, until the output answers.
    rereading  The output answers, and Kafka gives the dropped records once more. A dropped range is committed
               with its last record at the latest, even if its file is not full: only a commit shows that the
               output can be written.

    `begin_waiting` leads from any state to waiting, `end_waiting` from there to rereading, or to writing if
    nothing was dropped. `mark_written` leads from rereading to writing with the last dropped range.
    """

    def __init__(self, metrics: SinkMetrics, readiness: SinkReadiness) -> None:
        self._metrics, self._readiness = metrics, readiness
        self._dropped: dict[int, DroppedRange] = {}

    def begin_waiting(self, error: OutputUnavailableError) -> None:
        """A call has failed."""
        log.warning("%s", error)
        self._metrics.counter("plaudit_sink_waits_total").inc()
        self._readiness.output_problem = str(error)

    def end_waiting(self) -> None:
        """The output answers."""
        if not self._dropped:
            self._readiness.output_problem = None

    def mark_dropped(self, partition: int, dropped: DroppedRange) -> None:
        """What the partition held was dropped."""
        self._dropped[partition] = dropped

    def mark_written(self, partition: int) -> None:
        """The partition has committed a range."""
        self._dropped.pop(partition, None)
        self.end_waiting()

    def forget_partitions(self, partitions: Iterable[int]) -> None:
        """Other sinks read the dropped records of these partitions now; an assignment will follow."""
        for partition in partitions:
            self._dropped.pop(partition, None)

    def ends_dropped_range(self, record: KafkaRecord) -> bool:
        """Whether the dropped records of the partition are all back with this one."""
        dropped = self._dropped.get(record.partition)
        return dropped is not None and record.offset + 1 >= dropped.end

    def earliest_dropped_ms(self) -> int | None:
        """The broker's timestamp of the earliest dropped record; None without any."""
        return min((dropped.earliest_ms for dropped in self._dropped.values()), default=None)
