"""In-memory producers, for the tests of programs that use the SDK."""

import os
import time
from collections import deque
from threading import Condition
from typing import Unpack

from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.held import with_held
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.settings import variable_of

from plaudit_producers.errors import DeliveryError
from plaudit_producers.sdk.async_producer import AsyncFeedbackProducer
from plaudit_producers.sdk.base import ProducerBase
from plaudit_producers.sdk.content_problems import ProblemCallback
from plaudit_producers.sdk.delivery import DeliveryCallback, delivery_of
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.options import ProducerKeywords
from plaudit_producers.sdk.outbox import DeliveryReporter, Outbox
from plaudit_producers.sdk.producer import FeedbackProducer
from plaudit_producers.sdk.redact import Redact

__all__ = ["AsyncInMemoryProducer", "InMemoryProducer"]

_Waiting = tuple[bytes, bytes, DeliveryCallback | None, bool]


class _InMemory(ProducerBase):
    """The part that both fakes share."""

    def __init__(
        self,
        application: str = "test",
        *,
        on_delivery: DeliveryCallback | None = None,
        redact: Redact | None = None,
        identity: IdentityHash | None = None,
        on_problem: ProblemCallback | None = None,
        partitions: int = 48,
        **options: Unpack[ProducerKeywords],
    ) -> None:
        self._partitions = partitions
        super().__init__(
            application,
            on_delivery=on_delivery,
            redact=redact,
            identity=identity,
            on_problem=on_problem,
            **options,
        )

    @property
    def events(self) -> list[ConversationEvent]:
        """The events that Kafka would hold, in the order they were sent, decoded and validated."""
        decoder = Decoder("conversation_event")
        return [ConversationEvent.from_record(decoder.decode(payload)) for _, payload in self._outbox.log]

    @property
    def messages(self) -> list[tuple[bytes, bytes]]:
        """The keys and values that Kafka would hold, in the order they were sent."""
        return list(self._outbox.log)

    def _aspects_file(self) -> str | None:
        return os.environ.get(variable_of("aspects"))  # all other settings are of Kafka

    def clear(self) -> None:
        """Remove all events that were delivered so far."""
        self._outbox.log.clear()

    def go_offline(self) -> None:
        """Simulate an outage: events wait from now on."""
        self._outbox.online = False

    def go_online(self) -> None:
        """End the outage, and deliver the events that waited."""
        self._outbox.online = True
        self._outbox.deliver_waiting()

    def _make_outbox(self, reporter: DeliveryReporter, encoder: EventEncoder) -> Outbox:  # noqa: ARG002  # no registry to ask
        self._outbox = _ListOutbox(reporter, self.options.max_buffer_events, self._partitions)
        return self._outbox


class InMemoryProducer(_InMemory, FeedbackProducer):
    """A FeedbackProducer that delivers to a list instead of Kafka. All before delivery is the real code.

    Events are delivered at once, and their callbacks run within the call. After `go_offline` up to
    `max_buffer_events` events wait, until `go_online` delivers them. There is no spool.
    """


class AsyncInMemoryProducer(_InMemory, AsyncFeedbackProducer):
    """An AsyncFeedbackProducer that delivers to a list; see `InMemoryProducer`."""


class _ListOutbox:
    def __init__(self, reporter: DeliveryReporter, limit: int, partitions: int) -> None:
        self.log: list[tuple[bytes, bytes]] = []
        self.online = True
        self._reporter, self._limit = reporter, limit
        self._offsets = [0] * partitions
        self._waiting: deque[_Waiting] = deque()
        self._changed = Condition()

    def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    def offer_event(self, key: bytes, payload: bytes, on_delivery: DeliveryCallback | None) -> bool:
        with self._changed:
            if len(self._waiting) >= self._limit:
                return False
            self._waiting.append((key, payload, on_delivery, not self.online))
        if self.online:
            self.deliver_waiting()
        return True

    def deliver_waiting(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    return
                key, payload, callback, held = self._waiting.popleft()
                partition = partition_of(key, len(self._offsets))
                offset = self._offsets[partition]
                self._offsets[partition] += 1
                now_ms = time.time_ns() // 1_000_000 if held else None
                self.log.append((key, with_held(payload, now_ms)))
                self._changed.notify_all()
            # Without the lock: a callback may send an event itself.
            self._reporter.count_delivered()
            self._reporter.report(delivery_of(key, payload, partition=partition, offset=offset), callback)

    def wait_for_room(self, timeout: float) -> None:
        with self._changed:
            self._changed.wait(timeout)

    def flush(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._waiting and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return len(self._waiting)

    def close(self, timeout: float) -> int:
        waiting = self.flush(timeout)
        failure = DeliveryError("the producer was closed before Kafka took the event")
        while self._waiting:
            key, payload, callback, _ = self._waiting.popleft()
            self._reporter.count_failed()
            self._reporter.report(delivery_of(key, payload, failure), callback)
        return waiting

    def abandon(self) -> None:
        """Do nothing: a forked child has its own copy of everything."""

    def waiting(self) -> int:
        return len(self._waiting)

    def spool_bytes(self) -> int:
        return 0
