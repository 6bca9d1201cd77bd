"""Events to Kafka for requests that wait for the acknowledgement, all on the event loop's thread.

librdkafka's reports are fetched by the loop, every `POLL_S` while a request waits: on a thread of their own
each report would fight the loop for the interpreter (docs/decisions/0013).

An event whose request gave up waiting stays with librdkafka and may still arrive. It is remembered
as an *orphan*: a retry of it joins it instead of sending it twice. So does a request that brings an event
which another one is sending just now: a page that is left sends by beacon what its last request may have
taken. While orphans wait and Kafka acknowledges nothing, new events are refused at once, so that an outage
costs neither time nor memory.

Nothing overtakes what will come again: an event that cannot be handed over takes the rest of its request
with it, and one that is under way and fails takes the new events of its conversation.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from plaudit_producers._link import Connect, is_refused
from plaudit_producers.gateway.clients import ClientGoneError, Clients

POLL_S, IDLE_POLL_S = 0.0025, 0.05
Identity = tuple[bytes, str]
_REMEMBERED = 100_000


class Outcome(Enum):
    """What became of one event: `AWAY` and `FULL` may be tried again, `REFUSED` is Kafka's final word."""

    ACKED = "acked"
    AWAY = "away"
    FULL = "full"
    REFUSED = "refused"


_SETTLED = frozenset((Outcome.ACKED, Outcome.REFUSED))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One encoded event; its identity (Kafka key, event id) is what makes a retry the same event."""

    identity: Identity
    payload: bytes = field(repr=False)


class _Batch:
    """The events of one request; `left` counts those without an outcome, and 1 while they are handed over."""

    __slots__ = ("events", "future", "given_up", "left", "outcomes")

    def __init__(self, events: Sequence[Outgoing], future: "asyncio.Future[None]") -> None:
        self.events = events
        self.outcomes: list[Outcome | None] = [None] * len(events)
        self.left = 1
        self.future = future
        self.given_up = False

    def done_with_one(self) -> None:
        """One of `left` is settled; the last one wakes the request."""
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(None)


class Sender:
    """Sends for one event loop; nothing is thread-safe."""

    def __init__(
        self,
        topic: str,
        connect: Connect,
        *,
        ack_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connect` makes librdkafka's clients and does not wait for Kafka."""
        self._topic = topic
        self._clients = Clients(connect, clock, self._lose)
        self._timeout_s = ack_timeout_s
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._last_ack = clock()
        self._requests = 0
        self._timer: asyncio.TimerHandle | None = None
        self._orphans: dict[Identity, asyncio.Future[Outcome]] = {}
        self._arrived: dict[Identity, None] = {}
        self._in_flight: dict[Identity, tuple[_Batch, int]] = {}
        self._unreported: set[tuple[_Batch, int]] = set()

    @property
    def away(self) -> bool:
        """Whether events wait for Kafka and it acknowledged none for as long as a request waits."""
        return bool(self._orphans) and self._clock() - self._last_ack > self._timeout_s

    @property
    def failing(self) -> bool:
        """Whether librdkafka gave up for good, and its replacement has not proven itself."""
        return self._clients.failing

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._clients.waiting()

    async def send(self, events: Sequence[Outgoing], *, remember: bool = False) -> list[Outcome]:
        """Send and wait, at most the time-out (twice that for a retry); the outcome of each, in order.

        `remember`: the answer may not be heard, and the same events come again; they are not sent twice.
        """
        known = self._orphans or self._arrived or any(event.identity in self._in_flight for event in events)
        outcomes = await (self._join(events) if known else self._send(events))
        if remember:
            for event, outcome in zip(events, outcomes, strict=True):
                if outcome is Outcome.ACKED:
                    self._remember(event.identity)
        return outcomes

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed. Blocks for a moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._clients.stop()

    async def _join(self, events: Sequence[Outgoing]) -> list[Outcome]:
        """As `_send`, but what is under way is waited for, and what arrived late is not sent again.

        New events wait for those of their conversation that are under way, and are not sent if one fails.
        """
        outcomes: dict[Identity, Outcome] = {}
        if not self.away:
            outcomes = await self._under_way({event.identity for event in events})
            failed = {identity[0] for identity, outcome in outcomes.items() if outcome not in _SETTLED}
            fresh = [
                event
                for event in events
                if event.identity[0] not in failed
                and event.identity not in outcomes
                and event.identity not in self._arrived
            ]
            sent = await self._send(fresh)
            outcomes.update(zip((event.identity for event in fresh), sent, strict=True))
        return [
            Outcome.ACKED if event.identity in self._arrived else outcomes.get(event.identity, Outcome.AWAY)
            for event in events
        ]

    async def _under_way(self, identities: Iterable[Identity]) -> dict[Identity, Outcome]:
        """The outcomes of those that wait for Kafka already; AWAY where there is none in time."""
        orphans = {name: self._orphans[name] for name in identities if name in self._orphans}
        others = {
            name: self._in_flight[name]
            for name in identities
            if name in self._in_flight and name not in orphans
        }
        awaited: set[asyncio.Future[Any]] = {
            *orphans.values(),
            *(batch.future for batch, _ in others.values()),
        }
        if awaited:
            await asyncio.wait(awaited, timeout=self._timeout_s)
        return {
            **{name: future.result() if future.done() else Outcome.AWAY for name, future in orphans.items()},
            **{name: batch.outcomes[number] or Outcome.AWAY for name, (batch, number) in others.items()},
        }

    async def _send(self, events: Sequence[Outgoing]) -> list[Outcome]:
        batch = _Batch(events, self._loop.create_future())
        self._produce_all(batch)
        if batch.left:
            patience = self._loop.call_later(self._timeout_s, self._give_up, batch)
            self._requests += 1
            self._watch(POLL_S)
            try:
                await batch.future
            except asyncio.CancelledError:
                self._give_up(batch)
                raise
            finally:
                self._requests -= 1
                patience.cancel()
        return [outcome or Outcome.AWAY for outcome in batch.outcomes]

    def _produce_all(self, batch: _Batch) -> None:
        """Hand over what can be."""
        for number, event in enumerate(batch.events):
            outcome = self._produce(event, partial(self._report, batch, number))
            if outcome is None:
                batch.left += 1
                self._in_flight[event.identity] = (batch, number)
                self._unreported.add((batch, number))
            elif outcome is Outcome.REFUSED:
                batch.outcomes[number] = outcome
            else:  # the rest must not overtake
                batch.outcomes[number:] = [outcome] * (len(batch.events) - number)
                break
        batch.done_with_one()

    def _produce(
        self, event: Outgoing, report: Callable[[KafkaError | None, Message], None]
    ) -> Outcome | None:
        try:
            self._clients.produce(self._topic, event.payload, event.identity[0], report)
        except BufferError:
            return Outcome.FULL
        except ClientGoneError:
            self._watch(IDLE_POLL_S)
            return Outcome.AWAY
        except KafkaException as error:
            return Outcome.REFUSED if is_refused(error.args[0]) else Outcome.AWAY
        return None

    def _watch(self, after_s: float) -> None:
        """Look for reports soon, and again while there is something to wait for."""
        if self._timer is None or self._timer.when() > self._loop.time() + after_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(after_s, self._poll)

    def _poll(self) -> None:
        self._timer = None
        try:
            self._clients.poll()
        finally:
            if self._requests:
                self._watch(POLL_S)
            elif self._orphans or self.failing:
                self._watch(IDLE_POLL_S)

    def _report(self, batch: _Batch, number: int, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._last_ack = self._clock()
            self._clients.prove()
            self._settle(batch, number, Outcome.ACKED)
        else:
            self._settle(batch, number, Outcome.REFUSED if is_refused(error) else Outcome.AWAY)

    def _lose(self) -> None:
        """A client gave up: what it did not report may be sent again."""
        for batch, number in tuple(self._unreported):
            self._settle(batch, number, Outcome.AWAY)

    def _settle(self, batch: _Batch, number: int, outcome: Outcome) -> None:
        if (batch, number) not in self._unreported:
            return
        self._unreported.remove((batch, number))
        identity = batch.events[number].identity
        self._in_flight.pop(identity, None)
        batch.outcomes[number] = outcome
        if batch.given_up:
            self._settle_orphan(identity, outcome)
        batch.done_with_one()

    def _settle_orphan(self, identity: Identity, outcome: Outcome) -> None:
        orphan = self._orphans.pop(identity, None)
        if orphan is not None:
            orphan.set_result(outcome)
            if outcome is Outcome.ACKED:
                self._remember(identity)

    def _remember(self, identity: Identity) -> None:
        self._arrived[identity] = None
        if len(self._arrived) > _REMEMBERED:
            del self._arrived[next(iter(self._arrived))]

    def _give_up(self, batch: _Batch) -> None:
        """The time is up, or the client is gone: what still waits becomes orphans."""
        batch.given_up = True
        for event, outcome in zip(batch.events, batch.outcomes, strict=True):
            if outcome is None:
                self._orphans[event.identity] = self._loop.create_future()
        if not batch.future.done():
            batch.future.set_result(None)
        self._watch(IDLE_POLL_S)
