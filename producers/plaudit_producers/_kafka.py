"""The outbox without a spool: librdkafka's queue in memory."""

import time
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers._delivery import DeliveryCallback, describe
from plaudit_producers._link import Connect, FatalClientError, Link, is_refused
from plaudit_producers._outbox import Reporter, log
from plaudit_producers.errors import DeliveryError


class KafkaOutbox:
    """Events wait in memory; what Kafka has not taken in time, or by the end of the process, is lost."""

    def __init__(self, topic: str, connect: Connect, reporter: Reporter) -> None:
        self._reporter = reporter
        self._link = Link(topic, connect, self._step)

    def start(self) -> None:
        self._link.start()

    def offer(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        report = self._counted if on_delivery is None else partial(self._reported, callback=on_delivery)
        try:
            try:
                return self._link.send(key, payload, report)
            except FatalClientError:
                self._renew()
                return self._link.send(key, payload, report)
        except KafkaException as raised:
            error = raised.args[0]
            if is_refused(error):
                raise InvalidEventError(f"librdkafka refuses the event: {error.str()}") from None
            self._reporter.tell_later(describe(key, payload, self._failure(error)), on_delivery)
            return True

    def wait_for_room(self, timeout: float) -> None:
        self._link.wait_for_room(timeout)

    def flush(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        self._link.flush(timeout)
        while (waiting := self._link.waiting()) and time.monotonic() < deadline:
            self._link.flush(max(0.0, deadline - time.monotonic()))
        self._reporter.tell_untold()
        return waiting

    def close(self, timeout: float) -> int:
        waiting = self.flush(timeout)
        self._link.stop()
        self._reporter.tell_untold()
        return waiting

    def abandon(self) -> None:
        self._link.abandon()

    def waiting(self) -> int:
        return self._link.waiting()

    def spool_bytes(self) -> int:
        return 0

    def _counted(self, error: KafkaError | None, message: Message) -> None:
        if error is None and self._reporter.on_delivery is None:
            self._reporter.count_delivered()
        else:
            self._reported(error, message)

    def _reported(
        self, error: KafkaError | None, message: Message, callback: DeliveryCallback | None = None
    ) -> None:
        reporter = self._reporter
        if error is None:
            reporter.count_delivered()
            failure = None
        else:
            failure = self._failure(error)
        delivery = describe(
            message.key() or b"",
            message.value() or b"",
            failure,
            partition=None if failure else message.partition(),
            offset=None if failure else message.offset(),
        )
        reporter.tell(delivery, callback)

    def _failure(self, error: KafkaError) -> DeliveryError:
        self._reporter.count_failed()
        self._reporter.warn("failed", "Kafka did not take an event, it is lost: %s", error.str())
        return DeliveryError(f"Kafka did not take the event: {error.str()}")

    def _step(self) -> None:
        if self._link.failed():
            self._renew()
        self._reporter.tell_untold()

    def _renew(self) -> None:
        log.error("librdkafka gave up; events that waited have failed; connecting anew")
        self._link.renew()
