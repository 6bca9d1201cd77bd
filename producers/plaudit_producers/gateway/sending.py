"""Events to Kafka for requests that wait for the acknowledgement: one future a request, none an event.

An event whose request gave up waiting stays with librdkafka and may still arrive. It is remembered
as an *orphan*: a retry of it joins it instead of sending it twice. While orphans wait and Kafka
acknowledges nothing, new events are refused at once, so that an outage costs neither time nor memory.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message

from plaudit_producers._link import FatalClientError, Link

Identity = tuple[bytes, str]
_REMEMBERED = 100_000
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
    """The events of one request.

    `produced` is written by the loop's thread alone, `reported` by the link's alone; whoever writes
    looks at the other one afterwards, so one of the two sees that the batch is complete.
    """

    __slots__ = ("events", "future", "given_up", "outcomes", "produced", "reported")

    def __init__(self, events: Sequence[Outgoing], future: "asyncio.Future[None]") -> None:
        self.events = events
        self.outcomes: list[Outcome | None] = [None] * len(events)
        self.produced = -1
        self.reported = 0
        self.future = future
        self.given_up = False


class Sender:
    """Sends for one event loop; reports come on the link's thread."""

    def __init__(
        self, link: Link, *, ack_timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._link = link
        self._timeout_s = ack_timeout_s
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._last_ack = clock()
        self._orphans: dict[Identity, asyncio.Future[Outcome]] = {}
        self._arrived: dict[Identity, None] = {}

    @property
    def away(self) -> bool:
        """Whether events wait for Kafka and it acknowledged none for as long as a request waits."""
        return bool(self._orphans) and self._clock() - self._last_ack > self._timeout_s

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._link.waiting()

    async def send(self, events: Sequence[Outgoing], *, unheard: bool = False) -> list[Outcome]:
        """Send and wait, at most the time-out (twice that for a retry); the outcome of each, in order.

        `unheard`: nobody hears the answer, so the same events will come again; they are not sent twice.
        """
        known = self._orphans or self._arrived
        outcomes = await (self._join(events) if known else self._send(events))
        if unheard:
            for event, outcome in zip(events, outcomes, strict=True):
                if outcome is Outcome.ACKED:
                    self._remember(event.identity)
        return outcomes

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed."""
        self._link.stop()

    async def _join(self, events: Sequence[Outgoing]) -> list[Outcome]:
        """As `_send`, but orphans are waited for, and what arrived late is not sent again."""
        orphans = {
            event.identity: self._orphans[event.identity]
            for event in events
            if event.identity in self._orphans
        }
        outcomes: dict[Identity, Outcome] = {}
        if not self.away:
            if orphans:
                await asyncio.wait(orphans.values(), timeout=self._timeout_s)
            outcomes = {identity: future.result() for identity, future in orphans.items() if future.done()}
            fresh = [
                event
                for event in events
                if event.identity not in orphans and event.identity not in self._arrived
            ]
            if len(outcomes) == len(orphans):
                sent = await self._send(fresh)
                outcomes.update(zip((event.identity for event in fresh), sent, strict=True))
        return [
            Outcome.ACKED if event.identity in self._arrived else outcomes.get(event.identity, Outcome.AWAY)
            for event in events
        ]

    async def _send(self, events: Sequence[Outgoing]) -> list[Outcome]:
        batch = _Batch(events, self._loop.create_future())
        batch.produced = self._produce_all(batch)
        if batch.reported < batch.produced:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await batch.future
            except TimeoutError:
                self._give_up(batch)
            except asyncio.CancelledError:
                self._give_up(batch)
                raise
        return [outcome or Outcome.AWAY for outcome in batch.outcomes]

    def _produce_all(self, batch: _Batch) -> int:
        """Hand over what can be; how many will be reported."""
        produced = 0
        for number, event in enumerate(batch.events):
            outcome = self._produce(event, partial(self._report, batch, number))
            if outcome is None:
                produced += 1
            elif outcome is Outcome.REFUSED:
                batch.outcomes[number] = outcome
            else:  # the rest must not overtake
                batch.outcomes[number:] = [outcome] * (len(batch.events) - number)
                break
        return produced

    def _produce(
        self, event: Outgoing, report: Callable[[KafkaError | None, Message], None]
    ) -> Outcome | None:
        key = event.identity[0]
        try:
            try:
                sent = self._link.send(key, event.payload, report)
            except FatalClientError:
                self._link.renew()
                sent = self._link.send(key, event.payload, report)
        except KafkaException as error:
            return Outcome.REFUSED if error.args[0].code() in _FINAL else Outcome.AWAY
        except FatalClientError:
            return Outcome.AWAY
        return None if sent else Outcome.FULL

    def _report(self, batch: _Batch, number: int, error: KafkaError | None, _message: Message) -> None:
        """On the link's thread."""
        if error is None:
            self._last_ack = self._clock()
            batch.outcomes[number] = Outcome.ACKED
        else:
            batch.outcomes[number] = Outcome.REFUSED if error.code() in _FINAL else Outcome.AWAY
        batch.reported += 1
        if batch.given_up or batch.reported == batch.produced:
            self._loop.call_soon_threadsafe(self._reported, batch, number)

    def _reported(self, batch: _Batch, number: int) -> None:
        if not batch.future.done():
            batch.future.set_result(None)
        identity, outcome = batch.events[number].identity, batch.outcomes[number]
        orphan = self._orphans.pop(identity, None)
        if orphan is not None and outcome is not None:
            orphan.set_result(outcome)
            if outcome is Outcome.ACKED:
                self._remember(identity)

    def _remember(self, identity: Identity) -> None:
        self._arrived[identity] = None
        if len(self._arrived) > _REMEMBERED:
            del self._arrived[next(iter(self._arrived))]

    def _give_up(self, batch: _Batch) -> None:
        batch.given_up = True  # before the outcomes are read: a report after this one calls `_reported`
        for event, outcome in zip(batch.events, list(batch.outcomes), strict=True):
            if outcome is None:
                self._orphans[event.identity] = self._loop.create_future()
