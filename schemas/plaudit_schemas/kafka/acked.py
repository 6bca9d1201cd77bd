"""A producer that waits until Kafka has answered for every record of a call."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message

from plaudit_schemas.kafka.broker_clock import BrokerClock
from plaudit_schemas.kafka.producer import Report, connector
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.settings.connection import ConnectionSettings

_POLL_S: Final = 0.1
_PAUSE_S: Final = 0.01  # between two tries while librdkafka's queue is full


class Unsent(NamedTuple):
    """A record that Kafka did not acknowledge, and the reason."""

    record: ProducerRecord
    error: KafkaError


class AckedProducer:
    """Sends records in order. A thread of its own polls for the acknowledgements.

    While Kafka is away, a send waits for as long as `message.timeout.ms` allows.

    Attributes:
        clock: the broker's time, from the acknowledgements of topics with LogAppendTime.
        away: why nothing can be sent now; None as long as no problem is known.
        fatal: why the producer sends nothing any more; None while it works. Either the client has failed
            for good, or the producer is gapless and a record was refused.
        refused: the first record that a gapless producer could not send; None if there is none.
    """

    def __init__(
        self, connection: ConnectionSettings, options: Mapping[str, Any], *, gapless: bool = False
    ) -> None:
        """Does not wait for Kafka: the client connects in the background.

        Args:
            options: librdkafka's options; the user's override them.
            gapless: after Kafka refused a record, send nothing more to any partition. All records without
                an acknowledgement then count as unsent, with the same error. Some may be in Kafka.

        Raises:
            SettingsError: librdkafka refuses an option.
        """
        self.away: str | None = None
        self.fatal: KafkaError | None = None
        self.refused: Unsent | None = None
        self.clock = BrokerClock()
        self._gapless = gapless
        self._rounds: set[_Round] = set()
        given = {"enable.gapless.guarantee": gapless, "error_cb": self._note_error, "log_level": 0}
        self._client: Any = connector(connection, {**options, **given})()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="acknowledgements", daemon=True)
        self._thread.start()

    async def send_records(self, records: Sequence[ProducerRecord]) -> list[Unsent]:
        """Send the records and wait for Kafka's answers. Does not block the event loop.

        Returns:
            The records that Kafka did not acknowledge; empty if all were.
        """
        with self._round(records) as round_:
            for number in range(len(records)):
                while not self._produce(round_, number):  # noqa: ASYNC110  # librdkafka has no event for it
                    await asyncio.sleep(_PAUSE_S)  # the queue is full; the thread's polling makes room
            await asyncio.wrap_future(round_.done)
        return round_.unsent

    def send_records_blocking(self, records: Sequence[ProducerRecord]) -> list[Unsent]:
        """As `send_records`, for callers without an event loop: blocks the thread."""
        with self._round(records) as round_:
            for number in range(len(records)):
                while not self._produce(round_, number):
                    time.sleep(_PAUSE_S)
            round_.done.result()
        return round_.unsent

    def close(self) -> None:
        """Stop the thread. Records without an acknowledgement may or may not be in Kafka."""
        self._closed.set()
        self._thread.join(5)

    @contextlib.contextmanager
    def _round(self, records: Sequence[ProducerRecord]) -> Iterator["_Round"]:
        round_ = _Round(records)
        self._rounds.add(round_)
        try:
            yield round_
        finally:
            self._rounds.discard(round_)
        if records:  # Kafka answered, so it is not away; an empty round proves nothing
            self.away = None

    def _produce(self, round_: "_Round", number: int) -> bool:
        """Hand a record to librdkafka. Returns False if its queue is full."""
        if self.fatal is not None:
            round_.settle(number, self.fatal)
            return True
        record = round_.records[number]
        options: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.headers is not None:
            options["headers"] = record.headers
        try:
            report = self._report_for(round_, number)
            self._client.produce(record.topic, record.value, record.key, on_delivery=report, **options)
        except BufferError:
            return False
        except KafkaException as error:
            self._settle(round_, number, error.args[0])
        return True

    def _report_for(self, round_: "_Round", number: int) -> Report:
        # One sample of the broker's time in each call is enough, and the last record is acknowledged last.
        timed = number == len(round_.records) - 1

        def report(error: KafkaError | None, message: Message) -> None:
            if timed and error is None:
                kind, timestamp = message.timestamp()
                if kind == TIMESTAMP_LOG_APPEND_TIME:
                    self.clock.add_sample(timestamp)
            self._settle(round_, number, error)

        return report

    def _settle(self, round_: "_Round", number: int, error: KafkaError | None) -> None:
        if not self._gapless or error is None:
            round_.settle(number, error)
            return
        if self.refused is None:
            self.refused = Unsent(round_.records[number], error)
        self._give_up(error)

    def _give_up(self, error: KafkaError) -> None:
        """Send nothing more, and settle every record that still waits for an answer.

        librdkafka keeps what it holds until `message.timeout.ms`, and the worker sets no such limit.
        """
        self.fatal = self.fatal or error  # later errors are only consequences of the first
        for round_ in list(self._rounds):  # a copy, because callers add and remove rounds meanwhile
            round_.settle_rest(self.fatal)

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # a public code despite its name
            self.away = "Kafka does not answer"

    def _look_again(self) -> None:
        """Ask Kafka for metadata: without a record to send, nothing else shows that it is back."""
        with contextlib.suppress(KafkaException):
            self._client.list_topics(timeout=1)
            self.away = None

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                self._client.poll(_POLL_S)
                if self.away is not None:
                    self._look_again()
            except KafkaException as error:  # a fatal error; `_note_error` gets all others
                self._give_up(error.args[0])


class _Round:
    """The records of one call. Collects Kafka's answers; `done` is set with the last one."""

    def __init__(self, records: Sequence[ProducerRecord]) -> None:
        self.records = records
        self.unsent: list[Unsent] = []
        self.done: Future[None] = Future()
        self._waiting = set(range(len(records)))
        self._lock = threading.Lock()
        if not records:
            self.done.set_result(None)

    def settle(self, number: int, error: KafkaError | None) -> None:
        """Note Kafka's answer for one record. A second answer changes nothing."""
        with self._lock:
            if number not in self._waiting:
                return
            self._waiting.discard(number)
            if error is not None:
                self.unsent.append(Unsent(self.records[number], error))
            last = not self._waiting
        # False if the caller was cancelled while it waited; setting a result would raise then.
        if last and self.done.set_running_or_notify_cancel():
            self.done.set_result(None)

    def settle_rest(self, error: KafkaError) -> None:
        """Note the same answer for every record that has none yet."""
        for number in sorted(self._waiting):  # also copies the set, which `settle` changes
            self.settle(number, error)
