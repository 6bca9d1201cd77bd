"""The protocol of an outbox, which takes encoded events, and the delivery reports of all outboxes."""

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol

from plaudit_schemas.contract.printable import printable
from plaudit_schemas.kafka.quiet_log import quiet_log

from plaudit_producers.sdk.delivery import Delivery, DeliveryCallback

log = logging.getLogger("plaudit_producers")
kafka_log = quiet_log("plaudit_producers.kafka")
"""The log of librdkafka's clients."""

_LOG_EVERY_S: Final = 10.0  # for each kind of failure


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the producer was created: accepted + taken_over = delivered + failed + waiting.

    Attributes:
        accepted: events taken from callers.
        taken_over: unsent events found in the spool folders of processes that have ended.
        delivered: events that Kafka acknowledged.
        failed: events that were given up, not counting dropped ones. Each was reported to the
            callbacks.
        dropped: events that found the buffer full, with `when_full="drop"`.
        waiting: events in memory or in the spool that Kafka has not acknowledged yet.
        spool_bytes: size of the spool's log files, in bytes.
        repaired: how many events were sent with a repair, by its kind; see `RepairKind`.
        rejected: how many events were not sent because of their content, by reason; see `RejectionKind`.
        partitions_changed: the topic's number of partitions has changed since the producer connected. Events
            are sent on, but no worker folds them until the operator has made new topics.
    """

    accepted: int = 0
    taken_over: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    waiting: int = 0
    spool_bytes: int = 0
    partitions_changed: bool = False
    repaired: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)


class Outbox(Protocol):
    """Takes encoded events and delivers them to Kafka.

    The pipeline calls `offer_event` under its lock: one call at a time, in the order of the events. All other
    methods may be called from any thread.
    """

    def start(self) -> None:
        """Connect without waiting for Kafka. Idempotent. `offer_event` and `flush` connect too."""

    def offer_event(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        """Take an event, or return False if there is no room. Never waits for Kafka."""

    def wait_for_room(self, timeout: float) -> None:
        """Block until there may be room, at most `timeout` seconds."""

    def flush(self, timeout: float) -> int:
        """Block until no event waits, at most `timeout` seconds. Returns how many events still wait."""

    def close(self, timeout: float) -> int:
        """Flush, then stop. Returns how many events still wait: they have failed, or stay in the spool."""

    def abandon(self) -> None:
        """In a forked child: release resources without touching what the parent owns.

        Takes no lock: a thread of the parent may have held it at the fork, and would never release it here.
        """

    def waiting(self) -> int:
        """Return the number of events that are not acknowledged yet."""

    def spool_bytes(self) -> int:
        """Return the size of the spool's log files, in bytes."""


class DeliveryReporter:
    """Counts outcomes, and calls the callbacks with each Delivery. Thread-safe."""

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
        """Call the event's callback and the producer's. An exception that they raise is logged."""
        for each in (callback, self.on_delivery):
            if each is not None:
                try:
                    each(delivery)
                except Exception:
                    log.exception("on_delivery raised for event %s", printable(delivery.event_id))

    def postpone_report(self, delivery: Delivery, callback: DeliveryCallback | None) -> None:
        """Queue a report for `report_postponed`, where a call that sends must not run callbacks.

        A callback may send an event itself, which must not happen in the middle of sending another.
        """
        self._postponed.append((delivery, callback))

    def report_postponed(self) -> None:
        """Deliver the queued reports. Called by the client's thread, by `flush` and by `close`."""
        while True:
            try:
                postponed = self._postponed.popleft()
            except IndexError:  # not a test before: another thread may take the last one in between
                return
            self.report(*postponed)

    def log_failure(self, kind: str, message: str, *arguments: object) -> None:
        """Log an error, at most once in ten seconds for each kind: an outage may fail thousands of events."""
        # Without the lock: at worst a message is logged twice.
        now = time.monotonic()
        if now - self._logged.get(kind, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[kind] = now
            log.error(message, *arguments)
