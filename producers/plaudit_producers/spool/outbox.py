"""The outbox with a spool. It writes every event to disk and keeps it until Kafka has acknowledged it."""

import time
from enum import Enum
from functools import partial
from math import inf
from pathlib import Path
from threading import RLock
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message
from plaudit_schemas.kafka.producer import Connect, FatalClientError, is_refused

from plaudit_producers.errors import DeliveryError, SpooledError
from plaudit_producers.sdk.client_thread import ClientThread
from plaudit_producers.sdk.delivery import DeliveryCallback, delivery_of
from plaudit_producers.sdk.options import SpoolSync
from plaudit_producers.sdk.outbox import DeliveryReporter, log
from plaudit_producers.spool.segment import Segment
from plaudit_producers.spool.store import Spool

_DRAIN_EVENTS: Final = 500  # for each hold of the lock, so that senders get it in between
_RETRY_S: Final = 2.0
_TAKE_OVER_AGAIN_S: Final = 30.0  # after files of ended processes could not be read
_SYNC_S: Final = 1.0  # what `spool_sync="interval"` promises
_WAIT_S: Final = 0.05


class HandOver(Enum):
    """How events get from the spool to librdkafka, always in the order of the files.

    Attributes:
        DIRECT: every event in the spool was handed over. A new event is handed over as soon as it is written.
        BACKLOG: some events were not handed over yet. The client's thread does it, and new events queue
            behind them.
        RETRY: librdkafka reported some events as failed. Nothing is handed over until it has reported on
            every event it holds. Then the state becomes BACKLOG, from the first event that is not settled.
    """

    DIRECT = "direct"
    BACKLOG = "backlog"
    RETRY = "retry"


class SpoolOutbox:
    """Writes each event to the spool, then hands it to librdkafka.

    An event is settled once Kafka has acknowledged it, or has refused the event itself. After any other error
    it is handed over again.
    """

    def __init__(
        self,
        topic: str,
        connect: Connect,
        reporter: DeliveryReporter,
        *,
        root: Path,
        max_bytes: int,
        sync: SpoolSync,
    ) -> None:
        self._reporter = reporter
        self._topic, self._root, self._max_bytes, self._sync = topic, root, max_bytes, sync
        self._thread = ClientThread(topic, connect, self._step)
        self._lock = RLock()  # re-entrant: `offer_event` opens the spool while it holds the lock
        self._spool: Spool | None = None
        self._callbacks: dict[tuple[Segment, int], DeliveryCallback] = {}
        self._state = HandOver.BACKLOG  # first come the events that ended processes left
        self._taken_over = self._closing = False
        self._retry_at = self._synced_at = self._take_over_at = 0.0

    def start(self) -> None:
        self._opened()

    def offer_event(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        with self._lock:
            spool = self._spool or self._opened()
            place = spool.append_event(key, payload)
            if place is None:
                return False
            if on_delivery is not None:
                self._callbacks[place] = on_delivery
            if self._state is HandOver.DIRECT:
                segment, index = place
                if self._hand_over(segment, index, key, payload):
                    segment.move_to_end()
                else:
                    self._queue_up()
        return True

    def wait_for_room(self, timeout: float) -> None:
        self._thread.wait_for_room(min(timeout, _WAIT_S))

    def flush(self, timeout: float) -> int:
        if self._closing:
            return 0
        self._opened()
        deadline = time.monotonic() + timeout
        while True:
            waiting = self.waiting()  # without what ended processes left, until that is taken over
            left = deadline - time.monotonic()
            if (not waiting and self._taken_over) or left <= 0:
                return waiting
            if self._thread.client.waiting():
                self._thread.flush(min(left, 4 * _WAIT_S))
            else:
                self._thread.wait_for_room(min(left, _WAIT_S))

    def close(self, timeout: float) -> int:
        if self._spool is None:
            return 0
        waiting = self.flush(timeout)
        with self._lock:
            self._closing = True  # events that `stop` purges have not failed: they stay in the spool
        self._thread.stop()
        self._reporter.report_postponed()
        self._report_spooled(self._spool)
        # Counted again: reports may have come while the thread stopped.
        waiting = self._spool.waiting() if waiting else 0
        self._spool.close()
        if waiting:
            log.warning(
                "%d events for the topic %s stay in the spool %s; the next producer there sends them",
                waiting, self._topic, self._root,
            )  # fmt: skip
        return waiting

    def abandon(self) -> None:
        self._thread.client.abandon()
        if self._spool is not None:
            self._spool.abandon()

    def waiting(self) -> int:
        with self._lock:
            return 0 if self._spool is None else self._spool.waiting()

    def spool_bytes(self) -> int:
        return 0 if self._spool is None else self._spool.bytes

    def _opened(self) -> Spool:
        with self._lock:
            if self._spool is None:
                self._spool = Spool(self._root, self._topic, self._max_bytes, self._sync)
            self._thread.start()
            return self._spool

    # Hand-over to librdkafka, and its delivery reports. The lock is held, or taken here.

    def _hand_over(self, segment: Segment, index: int, key: bytes, payload: bytes) -> bool:
        """Hand one event to librdkafka. Returns False if librdkafka does not take it now."""
        try:
            taken = self._thread.produce(key, payload, partial(self._settle_report, segment, index))
        except FatalClientError:  # the next `_step` replaces the client
            return False
        except KafkaException as raised:
            error = raised.args[0]
            if not is_refused(error):
                self._retry_later(error)
                return False
            segment.settle(index)
            callback = self._callbacks.pop((segment, index), None)
            self._reporter.postpone_report(delivery_of(key, payload, self._refusal(error)), callback)
            return True
        segment.pending += taken
        return taken

    def _settle_report(
        self, segment: Segment, index: int, error: KafkaError | None, message: Message
    ) -> None:
        """Take librdkafka's delivery report: settle the event, or plan to hand it over again."""
        with self._lock:
            segment.pending -= 1
            if error is not None and not is_refused(error):
                self._retry_later(error)
                return
            segment.settle(index)
            if segment.sealed and self._spool is not None:
                self._spool.delete_if_done(segment)
            callback = self._callbacks.pop((segment, index), None) if self._callbacks else None
        key, payload = message.key() or b"", message.value() or b""
        if error is not None:
            self._reporter.report(delivery_of(key, payload, self._refusal(error)), callback)
            return
        self._reporter.count_delivered()
        if callback is not None or self._reporter.on_delivery is not None:
            delivery = delivery_of(key, payload, partition=message.partition(), offset=message.offset())
            self._reporter.report(delivery, callback)

    def _refusal(self, error: KafkaError) -> DeliveryError:
        self._reporter.count_failed()
        self._reporter.log_failure("refused", "Kafka refuses an event for good: %s", error.str())
        return DeliveryError(f"Kafka refuses the event for good: {error.str()}")

    # Changes of the state.

    def _queue_up(self) -> None:
        """DIRECT to BACKLOG: the spool has an event that librdkafka did not take, or that was taken over."""
        if self._state is HandOver.DIRECT:
            self._state = HandOver.BACKLOG

    def _retry_later(self, error: KafkaError) -> None:
        """Any state to RETRY, with a pause: Kafka did not take an event."""
        if not self._closing:
            self._reporter.log_failure(
                "postponed", "Kafka did not take events; they stay in the spool: %s", error.str()
            )
            self._state = HandOver.RETRY
            self._retry_at = time.monotonic() + _RETRY_S

    def _replace_client(self) -> None:
        """Any state to RETRY: the client failed for good, and its events go to the next one."""
        log.error("the Kafka client failed for good; reconnecting, and sending again from the spool")
        with self._lock:  # before there is a new client: nothing may overtake the events of the old one
            self._state = HandOver.RETRY
        self._thread.client.replace()

    def _rewind_when_reported(self, spool: Spool) -> bool:
        """RETRY to BACKLOG, once the pause is over and librdkafka has reported on every event it held."""
        if time.monotonic() < self._retry_at or any(segment.pending for segment in spool.segments):
            return False
        for segment in spool.segments:
            segment.rewind()
        self._state = HandOver.BACKLOG
        return True

    def _drain(self, spool: Spool) -> bool:
        """Hand over some events; at the end of the spool, BACKLOG to DIRECT.

        Returns whether there are more events, and room for them in librdkafka.
        """
        with self._lock:
            if self._state is HandOver.RETRY and not self._rewind_when_reported(spool):
                return False
            left = _DRAIN_EVENTS
            for segment in list(spool.segments):
                while left and (frame := segment.next_frame()) is not None:
                    if not segment.is_settled(frame.number):
                        if not self._hand_over(segment, frame.number, frame.key, frame.payload):
                            return False
                        left -= 1
                    segment.move_past(frame)
                # One that librdkafka refused at once gets no report, which would delete the segment.
                if segment.sealed:
                    spool.delete_if_done(segment)
            if left:  # the loop ended at the newest event
                self._state = HandOver.DIRECT
            return not left

    # The work of the client's thread, after each poll.

    def _step(self) -> None:
        spool = self._opened()
        if time.monotonic() >= self._take_over_at:
            self._take_over(spool)
        if self._thread.client.failed:
            self._replace_client()
        while self._state is not HandOver.DIRECT and self._drain(spool):
            pass
        self._reporter.report_postponed()
        now = time.monotonic()
        if now - self._synced_at >= _SYNC_S:
            self._synced_at = now
            spool.sync()  # without the lock: senders must not wait for the disk

    def _take_over(self, spool: Spool) -> None:
        again = True
        try:
            orphans = spool.adopt_orphans()  # without the lock: it may read a lot from disk
            with self._lock:
                self._reporter.taken_over += sum(segment.events - segment.settled for segment in orphans)
                spool.add_orphans(orphans)
                if orphans:
                    self._queue_up()
            again = spool.has_unread_orphans()
        finally:  # even after an error, or `flush` would wait until its timeout
            self._taken_over = True
            self._take_over_at = time.monotonic() + _TAKE_OVER_AGAIN_S if again else inf

    def _report_spooled(self, spool: Spool) -> None:
        """Call the callbacks of the events that stay in the spool, when the producer closes."""
        failure = SpooledError("the producer closed first; the next producer with this spool sends the event")
        for segment in spool.segments if self._callbacks else ():
            segment.rewind()
            while (frame := segment.next_frame()) is not None:
                segment.move_past(frame)
                callback = self._callbacks.pop((segment, frame.number), None)
                if callback is not None:
                    self._reporter.report(delivery_of(frame.key, frame.payload, failure), callback)
