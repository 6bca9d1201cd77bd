"""The loop: Kafka's records to the sink, its positions to Kafka."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import PlauditError, ServiceUnavailableError

from plaudit_consumers.sink.errors import LogChangedError, OutputUnavailableError
from plaudit_consumers.sink.partition import Committed
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import Sink, Topic
from plaudit_consumers.sink.telemetry import Telemetry
from plaudit_consumers.sink.writing import Raw

log = logging.getLogger("plaudit.sink")

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.2
_FETCH_BYTES: Final = 4 << 20
_MOST_RECORDS: Final = 2000
_WAIT_S: Final = (1.0, 2.0, 5.0, 10.0)


class _Stuck(NamedTuple):
    """What a partition held when the output could not be written; it is read again and written at once."""

    earliest_ms: int
    until: int


class Loop:
    """Consumes until `stop` is set or, with `once`, until the end of the log.

    A partition's position comes from the output; the group's offsets only show the lag.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        settings: SinkSettings,
        sink: Sink,
        topic: Topic,
        *,
        telemetry: Telemetry,
        stop: threading.Event,
    ) -> None:
        self._sink, self._topic, self._settings = sink, topic, settings
        self._telemetry, self._stop = telemetry, stop
        self._failure: BaseException | None = None
        self._at_end: set[int] = set()
        self._ends: dict[int, int] = {}
        self._stuck: dict[int, _Stuck] = {}
        self._average = 4096
        self._shown_at = 0.0
        self._consumer: Any = Consumer(connection.kafka(**_options(settings)), logger=log)

    def run(self, *, once: bool) -> None:
        """Blocks.

        Raises:
            PlauditError: something that a restart alone will not mend, or another sink has the partition.
        """
        self._consumer.subscribe([self._topic.name], on_assign=self._assigned, on_revoke=self._revoked,
                                 on_lost=self._revoked)  # fmt: skip
        try:
            while not self._stop.is_set() and not (once and self._drained()):
                self._turn()
            for number in list(self._sink.partitions):
                self._committed(number, self._sink.commit(number))
        finally:
            self._sink.disown(list(self._sink.partitions))
            self._consumer.close()

    def _turn(self) -> None:
        count = max(1, min(_MOST_RECORDS, _FETCH_BYTES // self._average))
        messages = self._consumer.consume(count, timeout=_POLL_S)
        if self._failure is not None:
            raise self._failure
        try:
            messages.reverse()
            while messages:  # each may be 50 MB: none is kept
                self._message(messages.pop())
            self._write_quiet()
        except OutputUnavailableError as error:
            self._again(error)
        self._show()

    def _message(self, message: Any) -> None:
        if message.error() is not None:
            self._event(message)
            return
        number = message.partition()
        if number not in self._sink.partitions:
            return  # revoked while the batch was on its way
        self._at_end.discard(number)
        payload = message.value() or b""
        self._average += (len(payload) - self._average) // 8 or 1
        self._average = max(1, self._average)
        raw = Raw(message.offset(), message.timestamp()[1], message.key(), payload)
        self._committed(number, self._sink.take(number, raw))
        stuck = self._stuck.get(number)
        if stuck is not None and raw.offset + 1 >= stuck.until and not self._sink.partitions[number].begun:
            self._committed(number, self._sink.commit(number))

    def _event(self, message: Any) -> None:
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the library's name of it
            self._at_end.add(message.partition())
        elif error.fatal() or error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise LogChangedError(
                f"{self._topic.name} {message.partition()}: {error.str()}; start the sink again"
            )
        else:
            log.warning("Kafka: %s", error.str())

    def _committed(self, number: int, committed: Committed | None) -> None:
        if committed is None:
            return
        self._stuck.pop(number, None)
        self._goes_on()
        rows = ", ".join(f"{rows} {subset}" for subset, rows in committed.rows.items())
        log.info("partition %d up to offset %d: %s", number, committed.position - 1, rows or "no new row")
        place = TopicPartition(self._topic.name, number, committed.position)
        try:
            self._consumer.commit(offsets=[place], asynchronous=True)
        except KafkaException as error:
            log.warning("the group's offset was not committed: %s", error.args[0].str())

    def _write_quiet(self) -> None:
        """Write what waits at the end of the log: no later record may come to end its file."""
        latest = time.time() * 1000 - self._settings.rotate_minutes * 60_000
        for number in self._at_end & set(self._sink.partitions):
            earliest = self._sink.partitions[number].earliest_ms
            if earliest is not None and earliest <= latest:
                self._committed(number, self._sink.commit(number))

    def _drained(self) -> bool:
        return bool(self._sink.partitions) and self._at_end >= set(self._sink.partitions)

    def _assigned(self, _consumer: Any, places: Sequence[TopicPartition]) -> None:
        self._guarded(lambda: self._consumer.incremental_assign(self._places([p.partition for p in places])))

    def _revoked(self, _consumer: Any, places: Sequence[TopicPartition]) -> None:
        numbers = [place.partition for place in places]
        log.info("partitions %s go to another sink, or to none", sorted(numbers))
        self._sink.disown(numbers)
        self._at_end -= set(numbers)
        for number in numbers:
            self._stuck.pop(number, None)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            self._with_patience(work)
        except (PlauditError, KafkaException, OSError) as error:  # raised by the loop: librdkafka swallows it
            self._failure = error

    def _places(self, numbers: Sequence[int]) -> list[TopicPartition]:
        positions = self._sink.own(numbers)
        log.info("partitions %s taken over", sorted(numbers))
        return [
            TopicPartition(self._topic.name, number, self._start(number, positions[number]))
            for number in numbers
        ]

    def _start(self, number: int, position: int | None) -> int:
        """Where to read from: within what the log still has."""
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(self._topic.name, number), timeout=_TIMEOUT_S
        )
        self._ends[number] = high
        if position is None:
            return int(low)
        if position > high:
            raise LogChangedError(
                f"{self._topic.name} {number} ends at offset {high}, but the output goes up to {position}: "
                "the log was cut or made anew; give the sink a new --output"
            )
        if position < low:
            log.error(
                "partition %d: Kafka deleted offsets %d to %d before the sink came", number, position, low - 1
            )
            self._telemetry.counter("plaudit_sink_lost_records_total").inc(low - position)
        return max(position, int(low))

    def _again(self, error: OutputUnavailableError) -> None:
        """Wait for the output, and begin every file anew at its position: records come again from Kafka."""
        numbers = list(self._sink.partitions)
        log.warning("%s", error)
        self._telemetry.counter("plaudit_sink_waits_total").inc()
        self._telemetry.trouble(str(error))
        for number, partition in self._sink.partitions.items():
            if partition.earliest_ms is not None and partition.next is not None:
                self._stuck[number] = _Stuck(partition.earliest_ms, partition.next)
            partition.discard()
        self._telemetry.waits(self._oldest_ms())
        self._stop.wait(_WAIT_S[0])

        def reassign() -> None:
            places = self._places(numbers)
            self._consumer.incremental_unassign(places)
            self._consumer.incremental_assign(places)

        self._with_patience(reassign)
        self._at_end.clear()

    def _with_patience(self, work: Callable[[], object]) -> None:
        """Do it, again and again while the output is not to be had, until the sink is stopped."""
        attempt = 0
        while True:
            try:
                work()
            except OutputUnavailableError as error:
                if self._stop.is_set():
                    raise
                self._telemetry.trouble(str(error))
                self._telemetry.counter("plaudit_sink_waits_total").inc()
                log.warning("%s", error)
                self._stop.wait(_WAIT_S[min(attempt, len(_WAIT_S) - 1)])
                attempt += 1
            except KafkaException as error:
                raise ServiceUnavailableError(
                    f"Kafka: {error.args[0].str()}; start the sink again"
                ) from error
            else:
                self._goes_on()
                return

    def _goes_on(self) -> None:
        # Not before everything that could not be written is: to read it again is no sign of room.
        if not self._stuck:
            self._telemetry.trouble(None)

    def _oldest_ms(self) -> int | None:
        stuck = [each.earliest_ms for each in self._stuck.values()]
        return min([each for each in (self._sink.oldest_ms(), *stuck) if each is not None], default=None)

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown_at < 1:
            return
        self._shown_at = now
        lag = {}
        for number, partition in self._sink.partitions.items():
            place = TopicPartition(self._topic.name, number)
            _, high = self._consumer.get_watermark_offsets(place, cached=True)
            lag[number] = max(0, high - (partition.position or 0)) if high >= 0 else 0
        self._telemetry.turned(lag)
        self._telemetry.waits(self._oldest_ms())


def _options(settings: SinkSettings) -> dict[str, Any]:
    instance = {} if settings.sink_instance is None else {"group.instance.id": settings.sink_instance}
    return {
        **instance,
        "group.id": settings.sink_group,
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "session.timeout.ms": int(settings.sink_session_s * 1000),
        "heartbeat.interval.ms": max(500, int(settings.sink_session_s * 250)),
        "max.poll.interval.ms": 600_000,
        "queued.max.messages.kbytes": 16_384,
        "fetch.max.bytes": 16 << 20,
        "max.partition.fetch.bytes": 2 << 20,
        "receive.message.max.bytes": 128 << 20,
        "log_level": 4,
    }
