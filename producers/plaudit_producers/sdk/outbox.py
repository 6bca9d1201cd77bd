"""Where encoded events go: the protocol of an outbox, and the reports that all outboxes share."""

import logging
import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from plaudit_schemas.kafka.quiet_log import quiet_log

from plaudit_producers.sdk.delivery import Delivery, DeliveryCallback

log = logging.getLogger("plaudit_producers")
kafka_log = quiet_log("plaudit_producers.kafka")
"""Of librdkafka's clients."""

_LOG_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the producer was made. accepted + taken_over = delivered + failed + waiting.

    Attributes:
        accepted: events taken from callers.
        taken_over: events found in the spool of processes that ended before they had sent them.
        delivered: acknowledged by Kafka.
        failed: given up; each was logged or reported. Dropped events are not among them.
        dropped: refused for want of room, with `when_full="drop"`.
        waiting: in memory or in the spool, not yet acknowledged.
        spool_bytes: size of the spool's files.
    """

    accepted: int = 0
    taken_over: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    waiting: int = 0
    spool_bytes: int = 0


class Outbox(Protocol):
    """Takes encoded events for Kafka.

    The pipeline calls `offer_event` under its lock, one call at a time, in the order of the events. All other
    methods are called from any thread.
    """

    def start(self) -> None:
        """Connect; does not wait for Kafka. Idempotent. `offer_event` and `flush` do it too."""

    def offer_event(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        """Take an event, or return False where there is no room. Never blocks on Kafka."""

    def wait_for_room(self, timeout: float) -> None:
        """Block until there may be room, at most `timeout` seconds."""

    def flush(self, timeout: float) -> int:
        """Block until nothing waits, at most `timeout` seconds; returns how many events wait."""

    def close(self, timeout: float) -> int:
        """`flush`, then stop; what waits then has failed, or stays in the spool. Returns its number."""

    def abandon(self) -> None:
        """In a forked child: let go without touching what the parent owns. Takes no lock."""

    def waiting(self) -> int:
        """Events not yet acknowledged."""

    def spool_bytes(self) -> int:
        """Size of the spool's files."""


class DeliveryReporter:
    """Counts outcomes, and calls the callbacks with each delivery. Safe for threads."""

    def __init__(self, on_delivery: DeliveryCallback | None) -> None:
        self.on_delivery = on_delivery
        self.accepted = self.taken_over = self.delivered = self.failed = self.dropped = 0
        self._lock = Lock()
        self._postponed: deque[tuple[Delivery, DeliveryCallback | None]] = deque()
        self._logged: dict[str, float] = {}

    def count_delivered(self) -> None:
        with self._lock:
            self.delivered += 1

    def count_failed(self) -> None:
        with self._lock:
            self.failed += 1

    def report(self, delivery: Delivery, callback: DeliveryCallback | None) -> None:
        """Call the event's callback and the producer's; what they raise is logged."""
        for each in (callback, self.on_delivery):
            if each is not None:
                try:
                    each(delivery)
                except Exception:
                    log.exception("on_delivery raised for event %s", delivery.event_id)

    def postpone_report(self, delivery: Delivery, callback: DeliveryCallback | None) -> None:
        """Leave it to `report_postponed`: a callback may send, and must not run within a call that sends."""
        self._postponed.append((delivery, callback))

    def report_postponed(self) -> None:
        """`report` what was postponed; for the client's thread, and for the end."""
        while self._postponed:
            self.report(*self._postponed.popleft())

    def log_failure(self, kind: str, message: str, *arguments: object) -> None:
        """Log an error, one of each kind every ten seconds at most: an outage may refuse thousands."""
        now = time.monotonic()
        if now - self._logged.get(kind, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[kind] = now
            log.error(message, *arguments)
