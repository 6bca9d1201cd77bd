"""What becomes of events whose request gave up waiting, with a Kafka that answers when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_producers.gateway.sending import IDLE_POLL_S, Outcome, Outgoing, Sender

ACKED, AWAY, FULL, REFUSED = Outcome.ACKED, Outcome.AWAY, Outcome.FULL, Outcome.REFUSED


class FakeClient:
    """Keeps what it is given, and reports at the next poll once it was told the outcome."""

    def __init__(self) -> None:
        self.held: list[tuple[bytes, Any]] = []
        self.sent: list[bytes] = []
        self.room = 1000
        self.errors: list[Exception] = []
        self.automatic = True
        self.answered: KafkaError | bool | None = False

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Any) -> None:
        assert (topic, key.split(b"/")[0]) == ("events", b"shop")
        if self.errors:
            raise self.errors.pop(0)
        if self.room <= len(self.held):
            raise BufferError
        self.sent.append(value)
        self.held.append((value, on_delivery))

    def poll(self, timeout: float) -> int:
        assert timeout == 0
        if self.automatic or self.answered is not False:
            error, self.answered = None if self.automatic else self.answered, False
            held, self.held = self.held, []
            for _, report in held:
                report(error, None)
        return 0

    def answer(self, error: KafkaError | None = None) -> None:
        self.answered = error

    def purge(self) -> None:
        self.answered, self.automatic = KafkaError(KafkaError._PURGE_QUEUE), False

    def flush(self, timeout: float) -> int:
        return self.poll(0)

    def __len__(self) -> int:
        return len(self.held)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def events(*names: str) -> list[Outgoing]:
    return [Outgoing((b"shop/c1", name), name.encode()) for name in names]


Use = Callable[[Sender, FakeClient, Clock], Awaitable[None]]


def with_sender(use: Use, timeout_s: float = 0.05) -> list[FakeClient]:
    """Run `use` with a sender; the clients that it made."""
    made: list[FakeClient] = []

    def connect() -> FakeClient:
        made.append(FakeClient())
        return made[-1]

    async def run() -> None:
        clock = Clock()
        sender = Sender("events", connect, ack_timeout_s=timeout_s, clock=clock)
        await use(sender, made[0], clock)

    asyncio.run(run())
    return made


async def settled() -> None:
    """Let the sender look for reports."""
    await asyncio.sleep(3 * IDLE_POLL_S)


def test_all_acknowledged() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        assert await sender.send(events("a", "b")) == [ACKED, ACKED]
        assert await sender.send([]) == []
        link.automatic = False
        waiting = asyncio.create_task(sender.send(events("c")))
        await asyncio.sleep(0)
        assert not waiting.done()
        link.answer()
        assert await waiting == [ACKED]

    with_sender(use, 60)


def test_a_retry_joins_what_still_waits_and_is_not_sent_twice() -> None:
    async def use(sender: Sender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        assert await sender.send(events("a", "b")) == [AWAY, AWAY]
        retry = asyncio.create_task(sender.send(events("a", "b", "c")))
        await asyncio.sleep(0)
        link.automatic = True
        link.answer()
        assert await retry == [ACKED, ACKED, ACKED]
        assert await sender.send(events("b")) == [ACKED]
        assert link.sent == [b"a", b"b", b"c"]
        del clock

    with_sender(use)


def test_what_another_request_is_sending_is_waited_for() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        first = asyncio.create_task(sender.send(events("a", "b")))
        beacon = asyncio.create_task(sender.send(events("a", "b", "c"), unheard=True))
        await asyncio.sleep(0)
        assert link.sent == [b"a", b"b"]
        link.automatic = True
        link.answer()
        assert [await first, await beacon] == [[ACKED, ACKED], [ACKED, ACKED, ACKED]]
        assert link.sent == [b"a", b"b", b"c"]

    with_sender(use, 60)


def test_what_another_request_could_not_send_may_be_tried_again() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        first = asyncio.create_task(sender.send(events("a")))
        second = asyncio.create_task(sender.send(events("a")))
        await asyncio.sleep(0)
        link.answer(KafkaError(KafkaError._MSG_TIMED_OUT))
        assert [await first, await second] == [[AWAY], [AWAY]]
        link.automatic = True
        assert await sender.send(events("a")) == [ACKED]
        assert link.sent == [b"a", b"a"]

    with_sender(use, 60)


def test_while_kafka_is_away_new_events_are_refused_at_once() -> None:
    async def use(sender: Sender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        assert [sender.away] == [False]
        assert await sender.send(events("a")) == [AWAY]
        clock.now += 1
        assert [sender.away] == [True]
        assert await sender.send(events("b", "a")) == [AWAY, AWAY]
        assert link.sent == [b"a"]
        link.automatic = True
        link.answer()
        await settled()
        assert [sender.away] == [False]
        assert await sender.send(events("b", "a")) == [ACKED, ACKED]
        assert link.sent == [b"a", b"b"]

    with_sender(use)


def test_what_failed_in_the_end_is_sent_anew() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        assert await sender.send(events("a")) == [AWAY]
        link.answer(KafkaError(KafkaError._MSG_TIMED_OUT))
        await settled()
        link.automatic = True
        assert await sender.send(events("a")) == [ACKED]
        assert link.sent == [b"a", b"a"]

    with_sender(use)


def test_a_retry_does_not_overtake_what_still_waits() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        assert await sender.send(events("a")) == [AWAY]
        assert await sender.send(events("a", "b")) == [AWAY, AWAY]
        assert link.sent == [b"a"]

    with_sender(use)


def test_without_room_the_rest_does_not_overtake() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic, link.room = False, 1
        sending = asyncio.create_task(sender.send(events("a", "b", "c")))
        await asyncio.sleep(0)
        link.answer()
        assert await sending == [ACKED, FULL, FULL]

    with_sender(use, 60)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(KafkaError.MSG_SIZE_TOO_LARGE, REFUSED), (KafkaError._QUEUE_FULL, AWAY), (KafkaError._FAIL, AWAY)],
)
def test_an_error_at_once_or_later_is_told(code: int, outcome: Outcome) -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.errors = [KafkaException(KafkaError(code))]
        assert await sender.send(events("a")) == [outcome]
        link.automatic = False
        sending = asyncio.create_task(sender.send(events("b")))
        await asyncio.sleep(0)
        link.answer(KafkaError(code))
        assert await sending == [outcome]

    with_sender(use, 60)


def test_one_event_refused_for_good_stops_no_other() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.errors = [KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))]
        assert await sender.send(events("a", "b")) == [REFUSED, ACKED]

    with_sender(use)


def test_a_client_that_gave_up_is_replaced() -> None:
    fenced = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))

    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        waiting = asyncio.create_task(sender.send(events("before")))
        await asyncio.sleep(0)
        link.errors = [fenced]
        assert await sender.send(events("a")) == [ACKED]
        assert await waiting == [AWAY]
        assert link.sent == [b"before"]

    _, second = with_sender(use, 60)
    assert second.sent == [b"a"]


def test_clients_that_give_up_at_once_are_away() -> None:
    fenced = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))

    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.errors = [fenced]
        sender._connect = lambda: broken
        assert await sender.send(events("a")) == [AWAY]

    broken = FakeClient()
    broken.errors = [fenced]
    with_sender(use)


def test_an_answer_that_nobody_hears_is_remembered() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        assert await sender.send(events("a"), unheard=True) == [ACKED]
        assert await sender.send(events("a", "b")) == [ACKED, ACKED]
        assert link.sent == [b"a", b"b"]
        other = [Outgoing((b"shop/c2", "a"), b"another conversation")]
        assert await sender.send(other) == [ACKED]
        assert link.sent[-1] == b"another conversation"

    with_sender(use)


def test_a_request_that_is_cancelled_leaves_orphans_that_a_retry_joins() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        gone = asyncio.create_task(sender.send(events("a")))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        retry = asyncio.create_task(sender.send(events("a")))
        await asyncio.sleep(0)
        link.answer()
        assert await retry == [ACKED]
        assert link.sent == [b"a"]

    with_sender(use, 60)


def test_stopping_answers_those_who_wait() -> None:
    async def use(sender: Sender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        waiting = asyncio.create_task(sender.send(events("a")))
        await asyncio.sleep(0)
        assert sender.waiting() == 1
        sender.stop()
        assert await waiting == [AWAY]

    with_sender(use, 60)
