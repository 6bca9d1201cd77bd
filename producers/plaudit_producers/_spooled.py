"""The outbox with a spool: every event is on disk first, and there until Kafka has acknowledged it."""

import time
from functools import partial
from pathlib import Path
from threading import RLock

from confluent_kafka import KafkaError, KafkaException, Message

from plaudit_producers._delivery import DeliveryCallback, describe
from plaudit_producers._link import Connect, FatalClientError, Link, is_refused
from plaudit_producers._options import SpoolSync
from plaudit_producers._outbox import Reporter, log
from plaudit_producers._spool.segment import Segment
from plaudit_producers._spool.store import Spool
from plaudit_producers.errors import DeliveryError, SpooledError

_DRAIN_EVENTS = 500
_RETRY_S = 2.0
_SYNC_S = 1.0
_WAIT_S = 0.05


class SpoolOutbox:
    """Events go from the spool to librdkafka in the order of the file, directly while both keep up.

    Where librdkafka has no room, events lie in the spool (the *backlog*), from where the link's
    thread hands them over. What Kafka refuses for a reason other than the event itself is handed over again.
    """

    def __init__(
        self,
        topic: str,
        connect: Connect,
        reporter: Reporter,
        *,
        root: Path,
        max_bytes: int,
        sync: SpoolSync,
    ) -> None:
        self._reporter = reporter
        self._root, self._max_bytes, self._sync = root, max_bytes, sync
        self._link = Link(topic, connect, self._step)
        self._lock = RLock()
        self._spool: Spool | None = None
        self._callbacks: dict[tuple[Segment, int], DeliveryCallback] = {}
        self._backlog = True  # until what others left has been taken over and is sent first
        self._taken_over = self._retry = self._closing = False
        self._retry_at = self._synced_at = 0.0

    def start(self) -> None:
        self._opened()

    def offer(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        with self._lock:
            spool = self._spool or self._opened()
            place = spool.append(key, payload)
            if place is None:
                return False
            if on_delivery is not None:
                self._callbacks[place] = on_delivery
            if not self._backlog:
                if self._send(*place, key, payload):
                    place[0].skip_to_end()
                else:
                    self._backlog = True
        return True

    def wait_for_room(self, timeout: float) -> None:
        self._link.wait_for_room(min(timeout, _WAIT_S))

    def flush(self, timeout: float) -> int:
        if self._closing:
            return 0
        self._opened()
        deadline = time.monotonic() + timeout
        while True:
            waiting = self.waiting()
            left = deadline - time.monotonic()
            if (not waiting and self._taken_over) or left <= 0:
                return waiting
            if self._link.waiting():
                self._link.flush(min(left, 4 * _WAIT_S))
            else:
                self._link.wait_for_room(min(left, _WAIT_S))

    def close(self, timeout: float) -> int:
        if self._spool is None:
            return 0
        waiting = self.flush(timeout)
        with self._lock:
            self._closing = True
        self._link.stop()
        self._reporter.tell_untold()
        self._tell_spooled(self._spool)
        waiting = self._spool.waiting() if waiting else 0
        self._spool.close()
        if waiting:
            log.warning(
                "%d events stay in the spool %s; the next producer there sends them", waiting, self._root
            )
        return waiting

    def abandon(self) -> None:
        self._link.abandon()
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
                self._spool = Spool(self._root, self._max_bytes, self._sync)
            self._link.start()
            return self._spool

    def _send(self, segment: Segment, index: int, key: bytes, payload: bytes) -> bool:
        """Hand one event to librdkafka; False where that does not take it now. Under the lock."""
        try:
            sent = self._link.send(key, payload, partial(self._reported, segment, index))
        except FatalClientError:
            return False
        except KafkaException as raised:
            error = raised.args[0]
            if not is_refused(error):
                self._postpone(error)
                return False
            segment.settle(index)
            callback = self._callbacks.pop((segment, index), None)
            self._reporter.tell_later(describe(key, payload, self._refusal(error)), callback)
            return True
        segment.pending += sent
        return sent

    def _reported(self, segment: Segment, index: int, error: KafkaError | None, message: Message) -> None:
        with self._lock:
            segment.pending -= 1
            if error is not None and not is_refused(error):
                self._postpone(error)
                return
            segment.settle(index)
            if segment.sealed and self._spool is not None:
                self._spool.forget(segment)
            callback = self._callbacks.pop((segment, index), None) if self._callbacks else None
        key, payload = message.key() or b"", message.value() or b""
        if error is not None:
            self._reporter.tell(describe(key, payload, self._refusal(error)), callback)
            return
        self._reporter.count_delivered()
        if callback is not None or self._reporter.on_delivery is not None:
            delivery = describe(key, payload, partition=message.partition(), offset=message.offset())
            self._reporter.tell(delivery, callback)

    def _refusal(self, error: KafkaError) -> DeliveryError:
        self._reporter.count_failed()
        self._reporter.warn("refused", "Kafka refuses an event for good: %s", error.str())
        return DeliveryError(f"Kafka refuses the event for good: {error.str()}")

    def _postpone(self, error: KafkaError) -> None:
        if not self._closing:
            self._reporter.warn(
                "postponed", "Kafka did not take events; they stay in the spool: %s", error.str()
            )
            self._backlog = self._retry = True
            self._retry_at = time.monotonic() + _RETRY_S

    def _step(self) -> None:
        spool = self._opened()
        if not self._taken_over:
            self._take_over(spool)
        if self._link.failed():
            log.error("librdkafka gave up; connecting anew, the spool sends what it had")
            with self._lock:  # before the new client is there: nothing may overtake what the old one had
                self._backlog = self._retry = True
            self._link.renew()
        while self._backlog and self._drain(spool):
            pass
        self._reporter.tell_untold()
        now = time.monotonic()
        if now - self._synced_at >= _SYNC_S:
            self._synced_at = now
            spool.sync()

    def _take_over(self, spool: Spool) -> None:
        try:
            orphans = spool.orphans()
            with self._lock:
                self._reporter.taken_over += sum(segment.events - segment.settled for segment in orphans)
                spool.add_orphans(orphans)
        finally:
            self._taken_over = True

    def _drain(self, spool: Spool) -> bool:
        """Hand over a few events of the backlog; whether there are more, and there is room for them."""
        with self._lock:
            if self._retry and not self._rewound(spool):
                return False
            left = _DRAIN_EVENTS
            for segment in list(spool.segments):
                while left and (frame := segment.peek()) is not None:
                    index, key, payload, _ = frame
                    if not segment.is_settled(index):
                        if not self._send(segment, index, key, payload):
                            return False
                        left -= 1
                    segment.advance(frame)
            self._backlog = not left
            return self._backlog

    def _rewound(self, spool: Spool) -> bool:
        """Go back to the first event that is not settled, once librdkafka has reported on all it had."""
        if time.monotonic() < self._retry_at or any(segment.pending for segment in spool.segments):
            return False
        for segment in spool.segments:
            segment.rewind()
        self._retry = False
        return True

    def _tell_spooled(self, spool: Spool) -> None:
        failure = SpooledError("the producer was closed first; the next one with this spool sends the event")
        for segment in spool.segments if self._callbacks else ():
            segment.rewind()
            while (frame := segment.peek()) is not None:
                segment.advance(frame)
                callback = self._callbacks.pop((segment, frame[0]), None)
                if callback is not None:
                    self._reporter.tell(describe(frame[1], frame[2], failure), callback)
