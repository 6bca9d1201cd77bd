"""A client of Kafka that answers when it is told to, and a sender that uses it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from plaudit_producers.gateway.intake.outcomes import Outcome, OutgoingEvent
from plaudit_producers.gateway.intake.sender import EventSender

from harness.waiting import come_true

TIMEOUT_S = 60.0


class FakeClient:
    """Keeps what it is given, and reports at the next poll once it was told the outcome."""

    def __init__(self) -> None:
        self.held: list[tuple[bytes, Any]] = []
        self.sent: list[bytes] = []
        self.room = 1000
        self.errors: list[Exception] = []
        self.automatic = True
        self.answered: KafkaError | bool | None = False
        self.dead = False
        self.untold: KafkaException | None = None
        self.dies_after: int | None = None

    def produce(self, topic: str, value: Any, key: Any, **options: Any) -> None:
        assert (topic, key.split(b"/")[0]) == ("events", b"shop")
        if self.errors:
            raise self.errors.pop(0)
        if self.dies_after is not None and len(self.sent) >= self.dies_after:
            self.die()
        if self.dead:  # as the library: the error has no flag here
            raise KafkaException(KafkaError(KafkaError._FATAL, "Unable to produce message"))
        if self.room <= len(self.held):
            raise BufferError
        self.sent.append(value)
        self.held.append((value, options["on_delivery"]))

    def poll(self, timeout: float) -> int:
        assert timeout in (0, 1)
        if self.untold is not None:
            told, self.untold = self.untold, None
            raise told
        if self.automatic or self.answered is not False:
            error, self.answered = None if self.automatic else self.answered, False
            held, self.held = self.held, []
            for _, report in held:
                report(error, None)
        return 0

    def answer(self, error: KafkaError | None = None) -> None:
        self.answered = error

    def die(self) -> None:
        """Give up for good: poll or flush tells why, once, before the reports."""
        if not self.dead:
            self.dead = True
            self.untold = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))

    def purge(self) -> None:
        self.answered, self.automatic = KafkaError(KafkaError._PURGE_QUEUE), False

    def flush(self, timeout: float) -> int:
        return self.poll(timeout)

    def __len__(self) -> int:
        return len(self.held)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def events(*names: str) -> list[OutgoingEvent]:
    return [OutgoingEvent((b"shop/c1", name), name.encode()) for name in names]


Use = Callable[[EventSender, FakeClient, Clock], Awaitable[None]]


def with_sender(use: Use) -> list[FakeClient]:
    """Run `use` with a sender; the clients that it made."""
    made: list[FakeClient] = []

    def connect() -> FakeClient:
        made.append(FakeClient())
        return made[-1]

    async def run() -> None:
        clock = Clock()
        sender = EventSender("events", connect, ack_timeout_s=TIMEOUT_S, clock=clock)
        await use(sender, made[0], clock)

    asyncio.run(run())
    return made


async def give_up_on(sender: EventSender, *names: str) -> None:
    """Send events for a request whose time-out is over at once."""
    sender._timeout_s = 0.0
    assert await sender.send_events(events(*names)) == [Outcome.AWAY] * len(names)
    sender._timeout_s = TIMEOUT_S


async def settled(sender: EventSender) -> None:
    """Let the sender look for reports, twice or until it sees no reason to look again."""
    looks = 0
    look = sender._poller._poll

    def counted() -> None:
        nonlocal looks
        looks += 1
        look()

    sender._poller._poll = counted
    await come_true(lambda: looks >= 2 or sender._poller._timer is None, "the sender looks for reports")
    sender._poller._poll = look
