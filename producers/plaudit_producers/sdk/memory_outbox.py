"""The outbox without a spool: events wait in librdkafka's queue."""

import time
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.kafka.producer import Connect, FatalClientError, is_refused

from plaudit_producers.errors import DeliveryError
from plaudit_producers.sdk.client_thread import ClientThread
from plaudit_producers.sdk.delivery import DeliveryCallback, delivery_of
from plaudit_producers.sdk.outbox import DeliveryReporter, log


class MemoryOutbox:
    """Keeps events in memory. What Kafka has not taken in time, or before the process ends, is lost."""

    def __init__(self, topic: str, connect: Connect, reporter: DeliveryReporter) -> None:
        self._reporter, self._topic = reporter, topic
        self._closing = False
        self._thread = ClientThread(topic, connect, self._step)

    def start(self) -> None:
        self._thread.start()

    def offer_event(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        report = self._count_report if on_delivery is None else partial(self._report, callback=on_delivery)
        try:
            try:
                return self._thread.produce(key, payload, report)
            except FatalClientError:  # the client failed earlier, not because of this event
                self._replace_client()
                return self._thread.produce(key, payload, report)
        except KafkaException as raised:
            error = raised.args[0]
            if is_refused(error):
                raise InvalidEventError(f"librdkafka refuses the event: {error.str()}") from None
            self._reporter.postpone_report(delivery_of(key, payload, self._failure(error)), on_delivery)
            return True

    def wait_for_room(self, timeout: float) -> None:
        self._thread.wait_for_room(timeout)

    def flush(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        self._thread.flush(timeout)
        # It returns early when the client has failed. The thread then replaces the client.
        while (waiting := self.waiting()) and time.monotonic() < deadline:
            self._thread.flush(max(0.0, deadline - time.monotonic()))
        self._reporter.report_postponed()
        return waiting

    def close(self, timeout: float) -> int:
        waiting = self.flush(timeout)
        failed = self._reporter.failed
        self._closing = True
        self._thread.stop()
        self._reporter.report_postponed()  # the thread that would do it has ended
        lost = self._reporter.failed - failed  # not `waiting`: some may have arrived while the thread stopped
        if lost:
            log.error(
                "%d events for the topic %s are lost: Kafka did not take them before the producer closed; "
                "with spool_dir the next producer would send them", lost, self._topic,
            )  # fmt: skip
        return waiting

    def abandon(self) -> None:
        self._thread.client.abandon()

    def waiting(self) -> int:
        return self._thread.client.waiting()

    def spool_bytes(self) -> int:
        return 0

    def _count_report(self, error: KafkaError | None, message: Message) -> None:
        """Handle a report without a callback of its own. Most are, so no Delivery is built without need."""
        if error is None and self._reporter.on_delivery is None:
            self._reporter.count_delivered()
        else:
            self._report(error, message)

    def _report(
        self, error: KafkaError | None, message: Message, callback: DeliveryCallback | None = None
    ) -> None:
        if error is None:
            self._reporter.count_delivered()
            failure = None
        else:
            failure = self._failure(error)
        delivery = delivery_of(
            message.key() or b"",
            message.value() or b"",
            failure,
            partition=None if failure else message.partition(),
            offset=None if failure else message.offset(),
        )
        self._reporter.report(delivery, callback)

    def _failure(self, error: KafkaError) -> DeliveryError:
        self._reporter.count_failed()
        if not self._closing:  # `close` says it once for all
            self._reporter.log_failure("failed", "Kafka did not take an event; it is lost: %s", error.str())
        return DeliveryError(f"Kafka did not take the event: {error.str()}")

    def _step(self) -> None:
        if self._thread.client.failed:
            self._replace_client()
        self._reporter.report_postponed()

    def _replace_client(self) -> None:
        log.error("the Kafka client failed for good; events that waited in it are lost; reconnecting")
        self._thread.client.replace()
