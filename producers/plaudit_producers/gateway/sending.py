"""Events to Kafka for requests that wait for the acknowledgement, all on the event loop's thread.

librdkafka's reports are fetched by the loop, every `POLL_S` while a request waits: on a thread of their own
each report would fight the loop for the interpreter (docs/decisions/0013).

An event whose request gave up waiting stays with librdkafka and may still arrive. It is remembered
as an *orphan*: a retry of it joins it instead of sending it twice. So does a request that brings an event
which another one is sending just now: a page that is left sends by beacon what its last request may have
taken. While orphans wait and Kafka acknowledges nothing, new events are refused at once, so that an outage
costs neither time nor memory.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from plaudit_producers._link import Client, Connect

POLL_S, IDLE_POLL_S = 0.0025, 0.05
Identity = tuple[bytes, str]
_REMEMBERED = 100_000
_STOP_S = 1.0
_FINAL = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError._INVALID_ARG)  # noqa: SLF001


class Outcome(Enum):
    """What became of one event: `AWAY` and `FULL` may be tried again, `REFUSED` is Kafka's final word."""

    ACKED = "acked"
    AWAY = "away"
    FULL = "full"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One encoded event; its identity (Kafka key, event id) is what makes a retry the same event."""

    identity: Identity
    payload: bytes = field(repr=False)


class _Batch:
    """The events of one request; `left` counts those that Kafka has not reported yet."""

    __slots__ = ("events", "future", "given_up", "left", "outcomes")

    def __init__(self, events: Sequence[Outgoing], future: "asyncio.Future[None]") -> None:
        self.events = events
        self.outcomes: list[Outcome | None] = [None] * len(events)
        self.left = 0
        self.future = future
        self.given_up = False


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
        self._connect = connect
        self._client: Client = connect()
        self._timeout_s = ack_timeout_s
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._last_ack = clock()
        self._requests = 0
        self._timer: asyncio.TimerHandle | None = None
        self._orphans: dict[Identity, asyncio.Future[Outcome]] = {}
        self._arrived: dict[Identity, None] = {}
        self._in_flight: dict[Identity, tuple[_Batch, int]] = {}

    @property
    def away(self) -> bool:
        """Whether events wait for Kafka and it acknowledged none for as long as a request waits."""
        return bool(self._orphans) and self._clock() - self._last_ack > self._timeout_s

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return len(self._client)

    async def send(self, events: Sequence[Outgoing], *, unheard: bool = False) -> list[Outcome]:
        """Send and wait, at most the time-out (twice that for a retry); the outcome of each, in order.

        `unheard`: nobody hears the answer, so the same events will come again; they are not sent twice.
        """
        known = self._orphans or self._arrived or any(event.identity in self._in_flight for event in events)
        outcomes = await (self._join(events) if known else self._send(events))
        if unheard:
            for event, outcome in zip(events, outcomes, strict=True):
                if outcome is Outcome.ACKED:
                    self._remember(event.identity)
        return outcomes

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed. Blocks for a moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._client.purge()
        self._client.flush(_STOP_S)

    async def _join(self, events: Sequence[Outgoing]) -> list[Outcome]:
        """As `_send`, but what is under way is waited for, and what arrived late is not sent again."""
        identities = {event.identity for event in events}
        orphans = {name: self._orphans[name] for name in identities if name in self._orphans}
        others = {
            name: self._in_flight[name] for name in identities - orphans.keys() if name in self._in_flight
        }
        outcomes: dict[Identity, Outcome] = {}
        if not self.away:
            awaited: set[asyncio.Future[Any]] = {
                *orphans.values(),
                *(batch.future for batch, _ in others.values()),
            }
            if awaited:
                await asyncio.wait(awaited, timeout=self._timeout_s)
            outcomes = {name: future.result() for name, future in orphans.items() if future.done()}
            for name, (batch, number) in others.items():
                outcome = batch.outcomes[number]
                if outcome is not None:
                    outcomes[name] = outcome
            known = orphans.keys() | others.keys()
            fresh = [
                event
                for event in events
                if event.identity not in known and event.identity not in self._arrived
            ]
            if len(outcomes) == len(orphans) + len(others):
                sent = await self._send(fresh)
                outcomes.update(zip((event.identity for event in fresh), sent, strict=True))
        return [
            Outcome.ACKED if event.identity in self._arrived else outcomes.get(event.identity, Outcome.AWAY)
            for event in events
        ]

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
            elif outcome is Outcome.REFUSED:
                batch.outcomes[number] = outcome
            else:  # the rest must not overtake
                batch.outcomes[number:] = [outcome] * (len(batch.events) - number)
                break

    def _produce(
        self, event: Outgoing, report: Callable[[KafkaError | None, Message], None]
    ) -> Outcome | None:
        for _ in range(2):
            try:
                self._client.produce(self._topic, event.payload, event.identity[0], on_delivery=report)
            except BufferError:
                return Outcome.FULL
            except KafkaException as error:
                if error.args[0].fatal():
                    self._renew()
                    continue
                return Outcome.REFUSED if error.args[0].code() in _FINAL else Outcome.AWAY
            return None
        return Outcome.AWAY

    def _renew(self) -> None:
        """Take a new client: librdkafka gave the old one up for good; what waits in it has failed."""
        old, self._client = self._client, self._connect()
        old.purge()
        old.flush(_STOP_S)

    def _watch(self, after_s: float) -> None:
        """Look for reports soon, and again while there is something to wait for."""
        if self._timer is None or self._timer.when() > self._loop.time() + after_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(after_s, self._poll)

    def _poll(self) -> None:
        self._timer = None
        self._client.poll(0)
        if self._requests:
            self._watch(POLL_S)
        elif self._orphans:
            self._watch(IDLE_POLL_S)

    def _report(self, batch: _Batch, number: int, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._last_ack = self._clock()
            outcome = Outcome.ACKED
        else:
            outcome = Outcome.REFUSED if error.code() in _FINAL else Outcome.AWAY
        batch.outcomes[number] = outcome
        batch.left -= 1
        identity = batch.events[number].identity
        self._in_flight.pop(identity, None)
        if batch.given_up:
            self._settle_orphan(identity, outcome)
        elif not batch.left and not batch.future.done():
            batch.future.set_result(None)

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
