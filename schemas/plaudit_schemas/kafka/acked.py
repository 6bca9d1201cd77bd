"""A producer whose `send_records` returns when Kafka has answered for every record."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message

from plaudit_schemas.kafka.producer import Report, connector
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.settings.connection import ConnectionSettings

_POLL_S: Final = 0.1
_PAUSE_S: Final = 0.01


class Unsent(NamedTuple):
    """A record that Kafka did not take, and why."""

    record: ProducerRecord
    error: KafkaError


class AckedProducer:
    """Sends records in their order. Its own thread serves the acknowledgements.

    While Kafka is away, sending waits for as long as `message.timeout.ms` allows.

    Attributes:
        away: why nothing can be sent now; None as far as the last sending told.
        fatal: why the client has given up for good; it sends nothing more then.
    """

    def __init__(
        self, connection: ConnectionSettings, options: Mapping[str, Any], *, gapless: bool = False
    ) -> None:
        """Connects in the background.

        Args:
            options: librdkafka's; the user's go over them.
            gapless: send nothing after a record that Kafka refused, whatever its partition; the records
                after it are unsent for its reason.

        Raises:
            SettingsError: librdkafka refuses an option.
        """
        self.away: str | None = None
        self.fatal: str | None = None
        self._gapless = gapless
        self._first_error: KafkaError | None = None
        given = {"enable.gapless.guarantee": gapless, "error_cb": self._note_error, "log_level": 0}
        self._client: Any = connector(connection, {**options, **given})()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="acknowledgements", daemon=True)
        self._thread.start()

    async def send_records(self, records: Sequence[ProducerRecord]) -> list[Unsent]:
        """Send and wait without blocking the loop; the records that Kafka did not take."""
        round_ = _Round(len(records))
        for record in records:
            while not self._produce(record, round_):  # noqa: ASYNC110  # librdkafka has no event for it
                await asyncio.sleep(_PAUSE_S)  # its queue is full; the thread empties it
        if records:
            await asyncio.wrap_future(round_.done)
            self.away = None
        return round_.unsent

    def send_records_blocking(self, records: Sequence[ProducerRecord]) -> list[Unsent]:
        """Send and wait; the records that Kafka did not take."""
        round_ = _Round(len(records))
        for record in records:
            while not self._produce(record, round_):
                time.sleep(_PAUSE_S)
        if records:
            round_.done.result()
            self.away = None
        return round_.unsent

    def close(self) -> None:
        """Stop the thread. What was not acknowledged by then may or may not be in Kafka."""
        self._closed.set()
        self._thread.join(5)

    def _produce(self, record: ProducerRecord, round_: "_Round") -> bool:
        """Hand a record over; False where there is no room for it now."""
        if self._first_error is not None:
            round_.settle(record, self._first_error)
            return True
        options: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.headers is not None:
            options["headers"] = record.headers
        try:
            report = self._report_for(record, round_)
            self._client.produce(record.topic, record.value, record.key, on_delivery=report, **options)
        except BufferError:
            return False
        except KafkaException as error:
            self._settle(record, round_, error.args[0])
        return True

    def _report_for(self, record: ProducerRecord, round_: "_Round") -> Report:
        def report(error: KafkaError | None, _message: Message) -> None:
            self._settle(record, round_, error)

        return report

    def _settle(self, record: ProducerRecord, round_: "_Round", error: KafkaError | None) -> None:
        if self._gapless and error is not None:
            # Later errors only follow from the first one: it is the one to show.
            error = self._first_error = self._first_error or error
        round_.settle(record, error)

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # librdkafka's own codes are named so
            self.away = "Kafka does not answer"

    def _look_again(self) -> None:
        """Whoever has nothing to send would never hear that Kafka is back."""
        with contextlib.suppress(KafkaException):
            self._client.list_topics(timeout=1)
            self.away = None

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                self._client.poll(_POLL_S)
                if self.away is not None:
                    self._look_again()
            except KafkaException as error:  # a fatal one: the delivery reports still come
                self.fatal = self.fatal or str(error.args[0].str())


class _Round:
    """The records of one sending: counts the answers, and is done with the last one."""

    def __init__(self, count: int) -> None:
        self.unsent: list[Unsent] = []
        self.done: Future[None] = Future()
        self._left = count
        self._lock = threading.Lock()

    def settle(self, record: ProducerRecord, error: KafkaError | None) -> None:
        with self._lock:
            if error is not None:
                self.unsent.append(Unsent(record, error))
            self._left -= 1
            last = self._left == 0
        if last and self.done.set_running_or_notify_cancel():
            self.done.set_result(None)
