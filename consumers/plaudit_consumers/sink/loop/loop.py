"""The loop: passes records from Kafka to the sink, and positions from the sink to Kafka."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import (
    CodecError,
    MissingSchemaError,
    PlauditError,
    RegistryUnavailableError,
    ServiceUnavailableError,
    UnknownBodyError,
)
from plaudit_schemas.kafka.broker_clock import BrokerClock
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.sink.commit.partition import CommittedRange
from plaudit_consumers.sink.errors import LogChangedError, OutputUnavailableError, UnfinishedError
from plaudit_consumers.sink.loop.backlog import refuse_cut_log
from plaudit_consumers.sink.loop.consumer import SinkConsumer
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.once import OnceGoal
from plaudit_consumers.sink.loop.output_state import DroppedRange, OutputState
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.loop.watch import SinkWatch
from plaudit_consumers.sink.sink import ParquetSink

log = logging.getLogger("plaudit.sink")

_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0)
"""Between attempts on an output that cannot be written; the last one repeats."""
_SCHEMA_PAUSE_S: Final = 5.0
_UNREADABLE_NOW: Final = (RegistryUnavailableError, MissingSchemaError, UnknownBodyError)
"""A record cannot be read before a registry answers or the sink is upgraded. No record is passed over."""
_ASK_EVERY_S: Final = 0.5
"""Between two looks for what other sinks have written, at the end of `--once`."""


class SinkLoop:
    """Consumes until `stop` is set or, with a goal, until the output has reached it.

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
        watch: SinkWatch | None = None,
    ) -> None:
        """Joins no group yet.

        Args:
            rotate_minutes: how long records wait at the end of the log.
            watch: runs while the loop does, and may end it.
        """
        self._consumer, self._sink = consumer, sink
        self._rotate_ms = rotate_minutes * 60_000
        self._metrics, self._readiness, self._stop = metrics, readiness, stop
        self._watch = watch
        self._clock = BrokerClock()
        self._output_state = OutputState(metrics, readiness)
        self._reported_at = self._asked_at = 0.0
        self._told_missing: dict[int, tuple[int, int]] = {}

    def run(self, goal: OnceGoal | None = None) -> None:
        """Consume and commit; blocks until the end.

        Args:
            goal: what the output must have in the end; None runs until the sink is stopped.

        Raises:
            UnfinishedError: the sink was stopped before the goal.
            PlauditError: a restart alone does not help, or another sink has the partition.
        """
        self._consumer.subscribe(self._on_assign, self._on_revoke, self._on_lost)
        if self._watch is not None:
            self._watch.start()
        try:
            while not self._stop.is_set() and not (goal is not None and self._has_reached(goal)):
                self._turn(once=goal is not None)
            # A graceful stop writes what is held, so that the rows do not wait for the next start.
            self._commit_all()
            self._sink.refresh_readme(at_once=True)
            if goal is not None:
                self._refuse_unfinished(goal)
        finally:
            self._close_partitions(list(self._sink.partitions))
            if self._watch is not None:
                self._watch.close()
            self._consumer.close()

    def _turn(self, *, once: bool) -> None:
        if self._watch is not None and self._watch.failure is not None:
            raise self._watch.failure
        records = self._consumer.fetch()
        try:
            for record in records:
                self._take_record(record)
                del record  # each may be 50 MB: no name outlives its use
            self._commit_quiet_partitions()
            self._sink.refresh_readme()
        except (OutputUnavailableError, *_UNREADABLE_NOW) as error:
            if once and isinstance(error, CodecError):
                raise  # no waiting helps this process, and nobody restarts one that should end by itself
            self._drop_and_reread(error)
        except LogChangedError:
            self._sink.confirm_topic()  # a topic that was made anew is the likely reason, and a clearer one
            raise
        if time.monotonic() - self._reported_at >= 1:
            self._reported_at = time.monotonic()
            self._report_progress()

    def _take_record(self, record: KafkaRecord) -> None:
        partition = self._sink.partitions.get(record.partition)
        if partition is None:
            return  # revoked while the fetched batch was being processed
        self._clock.add_sample(record.timestamp)
        try:
            partition.learn_schema(record)
        except _UNREADABLE_NOW:
            self._commit(record.partition)  # what came before can be read, and need not wait
            # Not ready until this very record is written or refused.
            dropped = DroppedRange(record.timestamp, record.offset + 1)
            self._output_state.mark_dropped(record.partition, dropped)
            raise
        self._report_commit(self._sink.take_record(record))
        # A claimed range commits itself when its last record comes, and only as a whole.
        if self._output_state.ends_dropped_range(record) and not partition.has_claimed_range:
            self._commit(record.partition)

    def _commit_quiet_partitions(self) -> None:
        """Commit partitions at the end of the log whose records have waited long enough.

        Files are closed by a later record, and at the end of the log none may ever come.
        """
        now_ms = self._clock.now_ms()
        if now_ms is None:
            return  # nothing was read, so nothing waits
        latest = now_ms - self._rotate_ms
        for number in self._consumer.at_end & self._sink.partitions.keys():
            earliest = self._sink.partitions[number].earliest_ms
            if earliest is not None and earliest <= latest:
                self._commit(number)

    def _has_reached(self, goal: OnceGoal) -> bool:
        """Whether all is written, by this sink and by others that came meanwhile."""
        if not self._consumer.at_end >= self._sink.partitions.keys():
            return False
        if time.monotonic() - self._asked_at < _ASK_EVERY_S:
            return False
        self._asked_at = time.monotonic()
        try:
            self._commit_all()
            missing = goal.missing(self._done())
        except OutputUnavailableError as error:
            self._drop_and_reread(error)
            return False
        if missing and self._sink.partitions and missing != self._told_missing:
            log.info("waiting for other sinks, which write the partitions %s", sorted(missing))
        self._told_missing = missing
        return not missing

    def _refuse_unfinished(self, goal: OnceGoal) -> None:
        missing = goal.missing(self._done())
        if missing:
            number, (position, end) = min(missing.items())
            raise UnfinishedError(
                f"stopped before all was written: partition {number} is written up to {position} of {end}; "
                "run `plaudit sink --once` again"
            )

    def _done(self) -> set[int]:
        """The partitions that were read to the end of the log and of which nothing is held."""
        partitions = self._sink.partitions
        return {
            number for number in self._consumer.at_end & partitions.keys() if not partitions[number].is_open
        }

    def _commit_all(self) -> None:
        for number in list(self._sink.partitions):
            self._commit(number)

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

    def _on_lost(self, numbers: list[int]) -> None:
        self._on_revoke(numbers)
        self._readiness.mark_lost()

    def _open_partitions(self, numbers: Sequence[int]) -> dict[int, int]:
        """Take partitions over. Returns the offset to read each from."""
        self._sink.confirm_topic()  # of another topic, the positions would mean other records
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
        refuse_cut_log(self._consumer.topic, number, position, high)
        if position < low:
            log.error(
                "partition %d: Kafka deleted offsets %d to %d before the sink read them",
                number,
                position,
                low - 1,
            )
            self._metrics.counter("plaudit_sink_lost_records_total").inc(low - position)
            self._metrics.show_loss(self._sink.record_lost(number, position, low - 1))
        return max(position, low)

    def _drop_and_reread(self, error: PlauditError) -> None:
        """Drop all held records, wait, and read the dropped records again once the output answers."""
        self._output_state.begin_waiting(error)
        for number, partition in self._sink.partitions.items():
            if partition.earliest_ms is not None and partition.next_offset is not None:
                dropped = DroppedRange(partition.earliest_ms, partition.next_offset)
                self._output_state.mark_dropped(number, dropped)
            partition.discard()
        # The loop may wait for long now, and the age shown during that time must count the dropped records.
        self._show_oldest_record()
        self._stop.wait(_PAUSES_S[0] if isinstance(error, OutputUnavailableError) else _SCHEMA_PAUSE_S)
        numbers = list(self._sink.partitions)
        self._until_output_answers(lambda: self._consumer.reassign(self._open_partitions(numbers)))

    def _until_output_answers(self, work: Callable[[], object]) -> None:
        """Do some work. While the output or Kafka cannot be used, repeat it until the sink is stopped.

        Raises:
            OutputUnavailableError, ServiceUnavailableError: the sink was stopped.
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
                said = ServiceUnavailableError(f"Kafka does not answer ({error.args[0].str()})")
                if self._stop.is_set():
                    raise said from error
                self._output_state.begin_waiting(said)
                self._stop.wait(pause)
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
