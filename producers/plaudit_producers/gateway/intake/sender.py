"""Sends events to Kafka for requests that wait for the acknowledgement, all on the event loop's thread.

The loop itself fetches librdkafka's delivery reports, every `POLL_S` while a request waits. If another thread
fetched them, each report would compete with the loop for the interpreter (docs/decisions/0013).

If a request gives up waiting, its events stay with librdkafka and may still reach Kafka. Such an event is an
*orphan*. A retry joins the orphan: it waits for that outcome instead of sending the event twice. A request
also joins an event that another request is sending at the same time. That happens when a user leaves a page:
its beacon repeats what the last request may have delivered. An event that a request repeats is sent once. So
librdkafka never holds two copies of an event. While orphans wait and Kafka acknowledges nothing, new events
are refused at once. So an outage costs neither time nor memory.

No event overtakes an earlier one that will be sent again. If an event cannot be handed over, the rest of its
request is not sent. If an event in flight fails, new events of its conversation are not sent either.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message
from plaudit_schemas.kafka.producer import Connect, is_refused

from plaudit_producers.gateway.intake.client import ClientGoneError, RenewingClient
from plaudit_producers.gateway.intake.in_flight import InFlight, Place, RequestBatch
from plaudit_producers.gateway.intake.orphans import ArrivedEvents, Orphans
from plaudit_producers.gateway.intake.outcomes import FINAL_OUTCOMES, EventIdentity, Outcome, OutgoingEvent
from plaudit_producers.gateway.intake.poller import ReportPoller

POLL_S: Final = 0.0025  # while a request waits
IDLE_POLL_S: Final = 0.05  # while only orphans wait, or a client is on trial


class EventSender:
    """Sends for one event loop. Not safe for threads.

    An event that was handed over is *in flight* until librdkafka reports on it. If its request gives up
    first, it is an orphan, too. Two kinds of events are remembered as *arrived*: orphans that Kafka
    acknowledged, and events of pages, which may be gone before they get the answer.
    """

    def __init__(
        self,
        topic: str,
        connect: Connect,
        *,
        ack_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the first client with `connect`. Does not wait for Kafka.

        Args:
            topic: the full name of the events topic.
            connect: makes a client of librdkafka.
            ack_timeout_s: how long a request waits for Kafka, in seconds.
        """
        self._topic = topic
        self._client = RenewingClient(connect, clock, self._lose_in_flight)
        self._timeout_s = ack_timeout_s
        self._clock = clock
        self._last_ack = clock()
        self._waiting_requests = 0
        self._in_flight = InFlight()
        self._orphans = Orphans()
        self._arrived = ArrivedEvents()
        self._poller = ReportPoller(self._client.poll, self._poll_interval)

    @property
    def away(self) -> bool:
        """Whether orphans wait, and Kafka has acknowledged nothing for as long as a request waits."""
        return bool(self._orphans) and self._clock() - self._last_ack > self._timeout_s

    @property
    def failing(self) -> bool:
        """Whether the client met a fatal error, and there is no new one that has proven itself."""
        return self._client.failing

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._client.waiting()

    async def send_events(self, events: Sequence[OutgoingEvent], *, remember: bool = False) -> list[Outcome]:
        """Send events and wait for Kafka. Returns the outcome of each event, in order.

        Of events with the same identity, the first one is sent. It waits for `ack_timeout_s` at most, and for
        twice that if some of the events are in flight already.

        Args:
            remember: set it if the client may never see the answer. Acknowledged events that it sends again
                do not go to Kafka a second time.
        """
        distinct: dict[EventIdentity, OutgoingEvent] = {}
        for event in events:
            distinct.setdefault(event.identity, event)
        sent = await self._send_distinct(list(distinct.values()))
        outcomes = dict(zip(distinct, sent, strict=True))
        if remember:
            for identity, outcome in outcomes.items():
                if outcome is Outcome.ACKED:
                    self._arrived.add(identity)
        return [outcomes[event.identity] for event in events]

    def stop(self) -> None:
        """Close the client. Events that still wait are reported as failed. May block for a second."""
        self._poller.stop()
        self._client.stop()

    async def _send_distinct(self, events: Sequence[OutgoingEvent]) -> list[Outcome]:
        if self._orphans or self._arrived or any(event.identity in self._in_flight for event in events):
            return await self._join(events)
        return await self._send_new(events)

    async def _join(self, events: Sequence[OutgoingEvent]) -> list[Outcome]:
        """Send new events, wait for events in flight, and skip events that have arrived.

        New events are sent after the wait, and only if no event of the same conversation has failed.
        """
        outcomes: dict[EventIdentity, Outcome] = {}
        if not self.away:
            outcomes = await self._wait_for_known([event.identity for event in events])
            held_up = {key for (key, _), outcome in outcomes.items() if outcome not in FINAL_OUTCOMES}
            new = [
                event
                for event in events
                if event.identity[0] not in held_up
                and event.identity not in outcomes
                and event.identity not in self._arrived
            ]
            sent = await self._send_new(new)
            outcomes.update(zip((event.identity for event in new), sent, strict=True))
        return [
            Outcome.ACKED if event.identity in self._arrived else outcomes.get(event.identity, Outcome.AWAY)
            for event in events
        ]

    async def _wait_for_known(self, identities: Sequence[EventIdentity]) -> dict[EventIdentity, Outcome]:
        """The outcomes of those events that are in flight already; AWAY if none came in time.

        When it returns, none of the other events is in flight.
        """
        outcomes: dict[EventIdentity, Outcome] = {}
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout_s
        # Another request may hand over more of the events while this one waits.
        while known := [
            identity
            for identity in identities
            if identity not in outcomes and (identity in self._in_flight or identity in self._orphans)
        ]:
            outcomes.update(await self._wait_for(known, until - loop.time()))
        return outcomes

    async def _wait_for(
        self, identities: Sequence[EventIdentity], timeout_s: float
    ) -> dict[EventIdentity, Outcome]:
        orphans = self._orphans.among(identities)
        others = {identity: self._in_flight[identity] for identity in identities if identity not in orphans}
        awaited: set[asyncio.Future[Any]] = {
            *orphans.values(),
            *(batch.answered for batch, _ in others.values()),
        }
        await asyncio.wait(awaited, timeout=max(timeout_s, 0))
        return {
            **{name: future.result() if future.done() else Outcome.AWAY for name, future in orphans.items()},
            **{name: batch.outcomes[number] or Outcome.AWAY for name, (batch, number) in others.items()},
        }

    async def _send_new(self, events: Sequence[OutgoingEvent]) -> list[Outcome]:
        """Hand events over and wait for their reports. An event without a report in time is AWAY."""
        batch = RequestBatch(events)
        self._hand_over(batch)
        if not batch.answered.done():
            patience = asyncio.get_running_loop().call_later(self._timeout_s, self._give_up, batch)
            self._waiting_requests += 1
            self._poller.poll_within(POLL_S)
            try:
                await batch.answered
            except asyncio.CancelledError:  # the events go on: they must be known as orphans for a retry
                self._give_up(batch)
                raise
            finally:
                self._waiting_requests -= 1
                patience.cancel()
        return [outcome or Outcome.AWAY for outcome in batch.outcomes]

    def _hand_over(self, batch: RequestBatch) -> None:
        """Hand a request's events to librdkafka in order. Stop at the first that must be sent again."""
        for number, event in enumerate(batch.events):
            place = batch, number
            outcome = self._produce(event, partial(self._settle_report, place))
            if outcome is None:
                batch.expect_report()
                self._in_flight.add(place)
            elif outcome is Outcome.REFUSED:
                batch.outcomes[number] = outcome
            else:
                batch.refuse_from(number, outcome)
                break
        batch.end_handing_over()

    def _produce(
        self, event: OutgoingEvent, report: Callable[[KafkaError | None, Message], None]
    ) -> Outcome | None:
        """Hand one event over. Returns None if librdkafka took it and will report on it."""
        try:
            self._client.produce(self._topic, event, report)
        except BufferError:
            return Outcome.FULL
        except ClientGoneError:
            self._poller.poll_within(IDLE_POLL_S)  # polling makes the next client
            return Outcome.AWAY
        except KafkaException as error:
            return Outcome.REFUSED if is_refused(error.args[0]) else Outcome.AWAY
        return None

    def _settle_report(self, place: Place, error: KafkaError | None, _message: Message) -> None:
        """Take librdkafka's report on an event."""
        if error is None:
            self._last_ack = self._clock()
            self._client.end_trial()
            self._settle(place, Outcome.ACKED)
        else:
            self._settle(place, Outcome.REFUSED if is_refused(error) else Outcome.AWAY)

    def _lose_in_flight(self) -> None:
        """The client was lost. The events that it has not reported on may be sent again."""
        for place in self._in_flight.places():
            self._settle(place, Outcome.AWAY)

    def _settle(self, place: Place, outcome: Outcome) -> None:
        if not self._in_flight.remove(place):
            return  # settled before, when its client was lost
        batch, number = place
        if batch.given_up:
            identity = batch.events[number].identity
            if self._orphans.settle(identity, outcome) and outcome is Outcome.ACKED:
                self._arrived.add(identity)
        batch.settle(number, outcome)

    def _give_up(self, batch: RequestBatch) -> None:
        """A request stops waiting. Its events that are still in flight become orphans."""
        self._orphans.add(batch.give_up())
        self._poller.poll_within(IDLE_POLL_S)

    def _poll_interval(self) -> float | None:
        if self._waiting_requests:
            return POLL_S
        return IDLE_POLL_S if self._orphans or self.failing else None
