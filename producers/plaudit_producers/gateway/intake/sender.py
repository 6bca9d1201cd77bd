"""Events to Kafka for requests that wait for the acknowledgement, all on the event loop's thread.

The loop fetches librdkafka's reports, every `POLL_S` while a request waits. On a thread of its own each
report would compete with the loop for the interpreter (docs/decisions/0013).

An event whose request gave up waiting stays with librdkafka and may still arrive: it is an *orphan*. A
retry joins it instead of sending it twice. A request also joins an event that another request is sending
just now: a page that is left sends by beacon what its last request may have delivered. While orphans wait
and Kafka acknowledges nothing, new events are refused at once, so that an outage costs neither time nor
memory.

Nothing overtakes an event that will be sent again. After an event that cannot be handed over, the rest of
its request is not sent. When an event that is under way fails, new events of its conversation are not sent
either.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message
from plaudit_schemas.kafka.producer import Connect, is_refused

from plaudit_producers.gateway.intake.client import ClientGoneError, RenewingClient
from plaudit_producers.gateway.intake.in_flight import InFlight, Place, RequestBatch
from plaudit_producers.gateway.intake.orphans import ArrivedEvents, Orphans
from plaudit_producers.gateway.intake.outcomes import FINAL_OUTCOMES, EventIdentity, Outcome, OutgoingEvent
from plaudit_producers.gateway.intake.poller import ReportPoller

POLL_S: Final = 0.0025
IDLE_POLL_S: Final = 0.05


class EventSender:
    """Sends for one event loop; nothing is safe for threads.

    An event that was handed over is *in flight* until librdkafka reports on it. If its request gives up
    first, it is an orphan as well. An orphan that arrives, and an event whose answer a page may not hear,
    is remembered as *arrived*.
    """

    def __init__(
        self,
        topic: str,
        connect: Connect,
        *,
        ack_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects with `connect`, which makes librdkafka's clients; does not wait for Kafka."""
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
        """Whether events wait for Kafka and it acknowledged none for as long as a request waits."""
        return bool(self._orphans) and self._clock() - self._last_ack > self._timeout_s

    @property
    def failing(self) -> bool:
        """Whether librdkafka gave up for good, and its replacement has not proven itself."""
        return self._client.failing

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._client.waiting()

    async def send_events(self, events: Sequence[OutgoingEvent], *, remember: bool = False) -> list[Outcome]:
        """Send and wait, at most the time-out (twice that for a retry); the outcome of each, in order.

        Args:
            remember: the caller may not hear the answer and send the same events again; they go to Kafka
                once.
        """
        if self._orphans or self._arrived or any(event.identity in self._in_flight for event in events):
            outcomes = await self._join(events)
        else:
            outcomes = await self._send_new(events)
        if remember:
            for event, outcome in zip(events, outcomes, strict=True):
                if outcome is Outcome.ACKED:
                    self._arrived.add(event.identity)
        return outcomes

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed. Blocks for a moment."""
        self._poller.stop()
        self._client.stop()

    async def _join(self, events: Sequence[OutgoingEvent]) -> list[Outcome]:
        """Send what is new; wait for what is under way; leave out what has arrived.

        A new event waits for those of its conversation that are under way, and is not sent if one fails.
        """
        outcomes: dict[EventIdentity, Outcome] = {}
        if not self.away:
            outcomes = await self._wait_for_known({event.identity for event in events})
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

    async def _wait_for_known(self, identities: Iterable[EventIdentity]) -> dict[EventIdentity, Outcome]:
        """The outcomes of those that are under way already; AWAY where there is none in time."""
        orphans = self._orphans.among(identities)
        others = {
            identity: self._in_flight[identity]
            for identity in identities
            if identity in self._in_flight and identity not in orphans
        }
        awaited: set[asyncio.Future[Any]] = {
            *orphans.values(),
            *(batch.answered for batch, _ in others.values()),
        }
        if awaited:
            await asyncio.wait(awaited, timeout=self._timeout_s)
        return {
            **{name: future.result() if future.done() else Outcome.AWAY for name, future in orphans.items()},
            **{name: batch.outcomes[number] or Outcome.AWAY for name, (batch, number) in others.items()},
        }

    async def _send_new(self, events: Sequence[OutgoingEvent]) -> list[Outcome]:
        """Hand events over and wait for the reports; AWAY where there is none in time."""
        batch = RequestBatch(events)
        self._hand_over(batch)
        if not batch.answered.done():
            patience = asyncio.get_running_loop().call_later(self._timeout_s, self._give_up, batch)
            self._waiting_requests += 1
            self._poller.poll_within(POLL_S)
            try:
                await batch.answered
            except asyncio.CancelledError:
                self._give_up(batch)
                raise
            finally:
                self._waiting_requests -= 1
                patience.cancel()
        return [outcome or Outcome.AWAY for outcome in batch.outcomes]

    def _hand_over(self, batch: RequestBatch) -> None:
        """Hand a request's events to librdkafka in order; stop at one that may be sent again."""
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
        """Hand one event over; None where librdkafka took it and will report."""
        try:
            self._client.produce(self._topic, event.payload, event.identity[0], report)
        except BufferError:
            return Outcome.FULL
        except ClientGoneError:
            self._poller.poll_within(IDLE_POLL_S)
            return Outcome.AWAY
        except KafkaException as error:
            return Outcome.REFUSED if is_refused(error.args[0]) else Outcome.AWAY
        return None

    def _settle_report(self, place: Place, error: KafkaError | None, _message: Message) -> None:
        """librdkafka reports on an event."""
        if error is None:
            self._last_ack = self._clock()
            self._client.end_trial()
            self._settle(place, Outcome.ACKED)
        else:
            self._settle(place, Outcome.REFUSED if is_refused(error) else Outcome.AWAY)

    def _lose_in_flight(self) -> None:
        """A client gave up: what it did not report on may be sent again."""
        for place in self._in_flight.places():
            self._settle(place, Outcome.AWAY)

    def _settle(self, place: Place, outcome: Outcome) -> None:
        if not self._in_flight.remove(place):
            return
        batch, number = place
        if batch.given_up:
            identity = batch.events[number].identity
            if self._orphans.settle(identity, outcome) and outcome is Outcome.ACKED:
                self._arrived.add(identity)
        batch.settle(number, outcome)

    def _give_up(self, batch: RequestBatch) -> None:
        """A request waits no more: those of its events that are in flight become orphans."""
        self._orphans.add(batch.give_up())
        self._poller.poll_within(IDLE_POLL_S)

    def _poll_interval(self) -> float | None:
        if self._waiting_requests:
            return POLL_S
        return IDLE_POLL_S if self._orphans or self.failing else None
