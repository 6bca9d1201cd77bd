"""The loop: passes records from Kafka to the sink, and positions from the sink to Kafka."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.sink.commit.partition import CommittedRange
from plaudit_consumers.sink.errors import LogChangedError, OutputUnavailableError
from plaudit_consumers.sink.loop.consumer import SinkConsumer
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.output_state import DroppedRange, OutputState
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.sink import ParquetSink

log = logging.getLogger("plaudit.sink")

_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0)
"""Between attempts on an output that cannot be written; the last one repeats."""


class SinkLoop:
    """Consumes until `stop` is set or, with `once`, until the end of the log.

    The position of a partition comes from the output alone. When the output fails, the loop drops all records
    that it holds and reads again from that position. So every record is in the output or still to be read.
    """

    def __init__(
        self,
        consumer: SinkConsumer,
        sink: ParquetSink,
        *,
        rotate_minutes: float,
        metrics: SinkMetrics,
        readiness: SinkReadiness,
        stop: threading.Event,
    ) -> None:
        """`rotate_minutes` is how long records wait at the end of the log."""
        self._consumer, self._sink = consumer, sink
        self._rotate_ms = rotate_minutes * 60_000
        self._metrics, self._readiness, self._stop = metrics, readiness, stop
        self._output_state = OutputState(metrics, readiness)
        self._reported_at = 0.0

    def run(self, *, once: bool) -> None:
        """Consume and commit; blocks until the end.

        Raises:
            PlauditError: a restart alone does not help, or another sink has the partition.
        """
        self._consumer.subscribe(self._on_assign, self._on_revoke)
        try:
            while not self._stop.is_set() and not (once and self._is_at_end()):
                self._turn()
            # A graceful stop writes what is held, so that the rows do not wait for the next start.
            for number in list(self._sink.partitions):
                self._commit(number)
        finally:
            self._close_partitions(list(self._sink.partitions))
            self._consumer.close()

    def _turn(self) -> None:
        records = self._consumer.fetch()
        try:
            for record in records:
                self._take_record(record)
                del record  # each may be 50 MB: no name outlives its use
            self._commit_quiet_partitions()
        except OutputUnavailableError as error:
            self._drop_and_reread(error)
        if time.monotonic() - self._reported_at >= 1:
            self._reported_at = time.monotonic()
            self._report_progress()

    def _take_record(self, record: KafkaRecord) -> None:
        partition = self._sink.partitions.get(record.partition)
        if partition is None:
            return  # revoked while the fetched batch was being processed
        self._report_commit(self._sink.take_record(record))
        # A claimed range commits itself when its last record comes, and only as a whole.
        if self._output_state.ends_dropped_range(record) and not partition.has_claimed_range:
            self._commit(record.partition)

    def _commit_quiet_partitions(self) -> None:
        """Commit partitions at the end of the log whose records have waited long enough.

        Files are closed by a later record, and at the end of the log none may ever come.
        """
        latest = time.time() * 1000 - self._rotate_ms
        for number in self._consumer.at_end & self._sink.partitions.keys():
            earliest = self._sink.partitions[number].earliest_ms
            if earliest is not None and earliest <= latest:
                self._commit(number)

    def _is_at_end(self) -> bool:
        return bool(self._sink.partitions) and self._consumer.at_end >= self._sink.partitions.keys()

    def _commit(self, number: int) -> None:
        self._report_commit(self._sink.commit_partition(number))

    def _report_commit(self, committed: CommittedRange | None) -> None:
        if committed is None:
            return
        self._metrics.count_commit(committed)
        self._output_state.mark_written(committed.partition)
        rows = ", ".join(f"{count} {subset}" for subset, count in committed.rows.items()) or "no new row"
        log.info("partition %d up to offset %d: %s", committed.partition, committed.position - 1, rows)
        self._consumer.commit_position(committed.partition, committed.position)

    def _on_assign(self, numbers: list[int]) -> None:
        self._until_output_answers(lambda: self._consumer.assign(self._open_partitions(numbers)))

    def _on_revoke(self, numbers: list[int]) -> None:
        log.info("partitions %s given up", sorted(numbers))
        self._close_partitions(numbers)
        self._output_state.forget_partitions(numbers)

    def _open_partitions(self, numbers: Sequence[int]) -> dict[int, int]:
        """Take partitions over. Returns the offset to read each from."""
        positions = self._sink.open_partitions(numbers)
        self._readiness.mark_joined()
        self._show_assigned()
        log.info("partitions %s taken over", sorted(numbers))
        return {number: self._first_offset(number, position) for number, position in positions.items()}

    def _close_partitions(self, numbers: Sequence[int]) -> None:
        self._sink.close_partitions(numbers)
        self._show_assigned()

    def _first_offset(self, number: int, position: int | None) -> int:
        """The offset to read from: the output's position, if the log still has it.

        Raises:
            LogChangedError: the log ends before the position.
        """
        low, high = self._consumer.bounds(number)
        if position is None:
            return low
        if position > high:
            raise LogChangedError(
                f"{self._consumer.topic} {number} ends at offset {high}, but the output goes up to "
                f"{position}: the log was truncated or recreated; give the sink a new --output"
            )
        if position < low:
            log.error(
                "partition %d: Kafka deleted offsets %d to %d before the sink read them",
                number,
                position,
                low - 1,
            )
            self._metrics.counter("plaudit_sink_lost_records_total").inc(low - position)
        return max(position, low)

    def _drop_and_reread(self, error: OutputUnavailableError) -> None:
        """Drop all held records, wait for the output, and read the dropped records again."""
        self._output_state.begin_waiting(error)
        for number, partition in self._sink.partitions.items():
            if partition.earliest_ms is not None and partition.next_offset is not None:
                dropped = DroppedRange(partition.earliest_ms, partition.next_offset)
                self._output_state.mark_dropped(number, dropped)
            partition.discard()
        # The loop may wait for long now, and the age shown during that time must count the dropped records.
        self._show_oldest_record()
        self._stop.wait(_PAUSES_S[0])
        numbers = list(self._sink.partitions)
        self._until_output_answers(lambda: self._consumer.reassign(self._open_partitions(numbers)))

    def _until_output_answers(self, work: Callable[[], object]) -> None:
        """Do some work. While the output cannot be used, repeat it with pauses until the sink is stopped.

        Raises:
            OutputUnavailableError: the sink was stopped.
            ServiceUnavailableError: Kafka does not answer.
        """
        for pause in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
            try:
                work()
            except OutputUnavailableError as error:
                if self._stop.is_set():
                    raise
                self._output_state.begin_waiting(error)
                self._stop.wait(pause)
            except KafkaException as error:
                raise ServiceUnavailableError(
                    f"Kafka: {error.args[0].str()}; start the sink again"
                ) from error
            else:
                self._output_state.end_waiting()
                return

    def _report_progress(self) -> None:
        lag = {}
        for number, partition in self._sink.partitions.items():
            end = self._consumer.known_end(number)
            # From the position in the output, not the consumer's: held records are not written yet.
            lag[number] = 0 if end is None else max(0, end - (partition.position or 0))
        self._metrics.show_lag(lag)
        self._readiness.mark_turn()
        self._show_oldest_record()

    def _show_oldest_record(self) -> None:
        oldest = (self._sink.oldest_ms(), self._output_state.earliest_dropped_ms())
        known = [timestamp for timestamp in oldest if timestamp is not None]
        self._metrics.show_oldest_record(min(known, default=None))

    def _show_assigned(self) -> None:
        self._metrics.gauge("plaudit_sink_assigned_partitions").set(len(self._sink.partitions))
