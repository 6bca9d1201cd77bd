"""Sends what reviewers say as events, and waits for Kafka's acknowledgement."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.contract.times import micros
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.review.answers import AnswerEvent
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.errors import ProducerError
from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.sdk.delivery import DeliveryFuture
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.pipeline import PackedEvent
from plaudit_producers.sdk.producer import FeedbackProducer

_DELIVERY_S: Final = 30.0
"""Less than a mark in the queue lasts: what Kafka takes late must still find its slot."""
_AWAY: Final = "Kafka has not stored this yet; try again in a moment. Nothing that you wrote is lost."


class AnswerSender:
    """Sends events of reviewers, from one event loop. Nothing is connected before the first event."""

    def __init__(
        self, connection: ConnectionSettings, *, timeout_s: float, identity: IdentityHash | None
    ) -> None:
        """`timeout_s`: how long a request waits for Kafka. `identity`: hashes the ids of reviewers."""
        self._connection, self._timeout_s, self._identity = connection, timeout_s, identity
        self._producers: dict[str, FeedbackProducer] = {}

    def reviewer_of(self, person: str) -> str:
        """The rater id of a person, as the log has it."""
        # The queue knows people by this id too. So it is made here, and not by the producers.
        return person if self._identity is None else self._identity(person)

    def pack(self, application: str, events: Sequence[AnswerEvent]) -> list[PackedEvent]:
        """Check and encode events, so that all of them are known to be valid before the first is sent.

        Raises:
            ReviewRefusal: one breaks the contract, or does not fit the declared aspects.
        """
        producer = self._producer(application)
        try:
            return [producer.pack(_record(application, event)) for event in events]
        except InvalidEventError as error:
            raise ReviewRefusal("answers", f"This cannot be stored: {error}.") from None

    async def send(self, application: str, packed: Sequence[PackedEvent]) -> None:
        """Send events in their order, and return once Kafka has taken all.

        Raises:
            ReviewRefusal: Kafka did not take them in time. Some may be stored, and others may follow; the
                same events may be sent again.
        """
        producer = self._producer(application)
        deliveries = [DeliveryFuture() for _ in packed]
        try:
            for event, delivery in zip(packed, deliveries, strict=True):
                producer.send_packed(event, delivery)
        except ProducerError as error:
            raise ReviewRefusal("kafka", _AWAY) from error
        waiting = [asyncio.wrap_future(delivery) for delivery in deliveries]
        for each in waiting:
            each.add_done_callback(_look_at)
        _, late = await asyncio.wait(waiting, timeout=self._timeout_s)
        if late or any(each.exception() is not None for each in waiting):
            raise ReviewRefusal("kafka", _AWAY)

    async def close(self) -> None:
        """Wait for what is on its way, and disconnect."""
        for producer in self._producers.values():
            await asyncio.to_thread(producer.close, 5.0)

    def _producer(self, application: str) -> FeedbackProducer:
        if application not in self._producers:
            self._producers[application] = FeedbackProducer(
                application,
                connection=self._connection,
                source="review",
                when_full="raise",
                strict=True,
                linger_ms=5.0,
                delivery_timeout_s=_DELIVERY_S,
            )
        return self._producers[application]


def _record(application: str, event: AnswerEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "application": application,
        "conversation_id": event.conversation_id,
        "occurred_at": micros(datetime.now(UTC)),
        "body": event.body,
    }


def _look_at(delivery: "asyncio.Future[Any]") -> None:
    # Nobody waits for a late failure; without a look asyncio would report it.
    if not delivery.cancelled():
        delivery.exception()
