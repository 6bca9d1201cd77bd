"""Where encoded events go: the protocol, and the reports that all outboxes share."""

import logging
import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from plaudit_producers._delivery import Delivery, DeliveryCallback

log = logging.getLogger("plaudit_producers")

_LOG_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the producer was made. accepted + taken_over = delivered + failed + waiting.

    Attributes:
        accepted: events taken from callers.
        taken_over: events found in the spool of processes that ended before they had sent them.
        delivered: acknowledged by Kafka.
        failed: given up; each was logged or reported. Not with `dropped`.
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

    The pipeline calls `offer` under its lock, one call at a time, in the order of the events; all
    else is called from any thread.
    """

    def start(self) -> None:
        """Connect; does not wait for Kafka. Idempotent. `offer` and `flush` do it too."""

    def offer(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
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


class Reporter:
    """Counts outcomes and tells callbacks of them; safe for threads."""

    def __init__(self, on_delivery: DeliveryCallback | None) -> None:
        self.on_delivery = on_delivery
        self.accepted = self.taken_over = self.delivered = self.failed = self.dropped = 0
        self._lock = Lock()
        self._untold: deque[tuple[Delivery, DeliveryCallback | None]] = deque()
        self._logged: dict[str, float] = {}

    def count_delivered(self) -> None:
        with self._lock:
            self.delivered += 1

    def count_failed(self) -> None:
        with self._lock:
            self.failed += 1

    def tell(self, delivery: Delivery, callback: DeliveryCallback | None) -> None:
        """Call the event's callback and the producer's; what they raise is logged."""
        for each in (callback, self.on_delivery):
            if each is not None:
                try:
                    each(delivery)
                except Exception:
                    log.exception("on_delivery raised for event %s", delivery.event_id)

    def tell_later(self, delivery: Delivery, callback: DeliveryCallback | None) -> None:
        """Leave it to `tell_untold`: a callback that sends must not find its thread inside `offer`."""
        self._untold.append((delivery, callback))

    def tell_untold(self) -> None:
        """`tell` what was left for later; for the link's thread, and at the end."""
        while self._untold:
            self.tell(*self._untold.popleft())

    def warn(self, kind: str, message: str, *arguments: object) -> None:
        """Log an error, one of each kind every ten seconds at most: an outage may refuse thousands."""
        now = time.monotonic()
        if now - self._logged.get(kind, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[kind] = now
            log.error(message, *arguments)
