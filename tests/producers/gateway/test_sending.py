"""What becomes of events, with a Kafka that answers when it is told to, and with librdkafka at its end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_producers.gateway.intake.client import RENEW_EVERY_S, TRUSTED_AFTER_S
from plaudit_producers.gateway.intake.outcomes import Outcome, OutgoingEvent
from plaudit_producers.gateway.intake.sender import EventSender
from plaudit_schemas.errors import SettingsError

from harness.waiting import all_wait, come_true
from tests.producers.gateway.fake_client import (
    TIMEOUT_S,
    Clock,
    FakeClient,
    events,
    give_up_on,
    settled,
    with_sender,
)

ACKED, AWAY, FULL, REFUSED = Outcome.ACKED, Outcome.AWAY, Outcome.FULL, Outcome.REFUSED


def test_all_acknowledged() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        assert await sender.send_events(events("a", "b")) == [ACKED, ACKED]
        assert await sender.send_events([]) == []
        link.automatic = False
        waiting = asyncio.create_task(sender.send_events(events("c")))
        await all_wait(waiting)
        assert not waiting.done()
        link.answer()
        assert await waiting == [ACKED]

    with_sender(use)


def test_a_retry_joins_what_still_waits_and_is_not_sent_twice() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        await give_up_on(sender, "a", "b")
        retry = asyncio.create_task(sender.send_events(events("a", "b", "c")))
        await all_wait(retry)
        link.automatic = True
        link.answer()
        assert await retry == [ACKED, ACKED, ACKED]
        assert await sender.send_events(events("b")) == [ACKED]
        assert link.sent == [b"a", b"b", b"c"]
        del clock

    with_sender(use)


def test_what_another_request_is_sending_is_waited_for() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        first = asyncio.create_task(sender.send_events(events("a", "b")))
        beacon = asyncio.create_task(sender.send_events(events("a", "b", "c"), remember=True))
        await all_wait(first, beacon)
        assert link.sent == [b"a", b"b"]
        link.automatic = True
        link.answer()
        assert [await first, await beacon] == [[ACKED, ACKED], [ACKED, ACKED, ACKED]]
        assert link.sent == [b"a", b"b", b"c"]

    with_sender(use)


def test_two_requests_that_wait_for_the_same_event_send_the_next_one_once() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        first = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(first)
        retry = asyncio.create_task(sender.send_events(events("a", "b")))
        beacon = asyncio.create_task(sender.send_events(events("a", "b", "c")))
        await all_wait(first, retry, beacon)
        link.answer()
        assert await first == [ACKED]
        await come_true(lambda: b"b" in link.sent, "one of them sends the next event")
        link.automatic = True
        assert [await retry, await beacon] == [[ACKED] * 2, [ACKED] * 3]
        assert link.sent == [b"a", b"b", b"c"]

    with_sender(use)


def test_an_event_that_a_request_repeats_is_sent_once() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        other = OutgoingEvent((b"shop/c1", "a"), b"the same id again")
        sending = asyncio.create_task(sender.send_events([*events("a", "b"), other, *events("b", "c")]))
        await all_wait(sending)
        assert link.sent == [b"a", b"b", b"c"]
        again = asyncio.create_task(sender.send_events(events("b", "b")))
        await all_wait(sending, again)
        link.answer()
        assert [await sending, await again] == [[ACKED] * 5, [ACKED] * 2]
        assert link.sent == [b"a", b"b", b"c"]

    with_sender(use)


@pytest.mark.parametrize("repeated", [False, True], ids=["once", "repeated"])
def test_a_retry_joins_what_a_request_gave_up(repeated: bool) -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        await give_up_on(sender, *(("a", "a") if repeated else ("a",)))
        retry = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(retry)
        assert not retry.done()
        assert link.sent == [b"a"]
        link.answer()
        assert await retry == [ACKED]

    with_sender(use)


def test_what_another_request_could_not_send_may_be_tried_again() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        first = asyncio.create_task(sender.send_events(events("a")))
        second = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(first, second)
        link.answer(KafkaError(KafkaError._MSG_TIMED_OUT))
        assert [await first, await second] == [[AWAY], [AWAY]]
        link.automatic = True
        assert await sender.send_events(events("a")) == [ACKED]
        assert link.sent == [b"a", b"a"]

    with_sender(use)


def test_while_kafka_is_away_new_events_are_refused_at_once() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        assert [sender.away] == [False]
        await give_up_on(sender, "a")
        clock.now += TIMEOUT_S + 1
        assert [sender.away] == [True]
        assert await sender.send_events(events("b", "a")) == [AWAY, AWAY]
        assert link.sent == [b"a"]
        link.automatic = True
        link.answer()
        await settled(sender)
        assert [sender.away] == [False]
        assert await sender.send_events(events("b", "a")) == [ACKED, ACKED]
        assert link.sent == [b"a", b"b"]

    with_sender(use)


def test_what_failed_in_the_end_is_sent_anew() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        await give_up_on(sender, "a")
        link.answer(KafkaError(KafkaError._MSG_TIMED_OUT))
        await settled(sender)
        link.automatic = True
        assert await sender.send_events(events("a")) == [ACKED]
        assert link.sent == [b"a", b"a"]

    with_sender(use)


def test_a_retry_does_not_overtake_what_still_waits() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        await give_up_on(sender, "a")
        await give_up_on(sender, "a", "b")
        assert link.sent == [b"a"]

    with_sender(use)


@pytest.mark.parametrize("first", ["another request", "a request that gave up"])
def test_new_events_do_not_overtake_what_was_joined_and_failed(first: str) -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        before = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(before)
        if first == "a request that gave up":
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        other = OutgoingEvent((b"shop/c2", "other"), b"another conversation")
        joining = asyncio.create_task(sender.send_events([*events("a", "b"), other]))
        await all_wait(before, joining)
        link.answer(KafkaError(KafkaError._MSG_TIMED_OUT))
        await settled(sender)
        link.automatic = True
        assert await joining == [AWAY, AWAY, ACKED]
        assert link.sent == [b"a", b"another conversation"]
        assert await sender.send_events(events("a", "b")) == [ACKED, ACKED]
        assert link.sent[2:] == [b"a", b"b"]

    with_sender(use)


def test_what_is_refused_for_good_holds_up_nothing() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        sending = asyncio.create_task(sender.send_events(events("a")))
        joining = asyncio.create_task(sender.send_events(events("a", "b")))
        await all_wait(sending, joining)
        link.answer(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        assert await sending == [REFUSED]
        link.automatic = True
        assert await joining == [REFUSED, ACKED]

    with_sender(use)


def test_without_room_the_rest_does_not_overtake() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic, link.room = False, 1
        sending = asyncio.create_task(sender.send_events(events("a", "b", "c")))
        await all_wait(sending)
        link.answer()
        assert await sending == [ACKED, FULL, FULL]

    with_sender(use)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(KafkaError.MSG_SIZE_TOO_LARGE, REFUSED), (KafkaError._QUEUE_FULL, AWAY), (KafkaError._FAIL, AWAY)],
    ids=["too large", "queue full", "failed"],
)
def test_an_error_at_once_or_later_is_told(code: int, outcome: Outcome) -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.errors = [KafkaException(KafkaError(code))]
        assert await sender.send_events(events("a")) == [outcome]
        link.automatic = False
        sending = asyncio.create_task(sender.send_events(events("b")))
        await all_wait(sending)
        link.answer(KafkaError(code))
        assert await sending == [outcome]

    with_sender(use)


def test_one_event_refused_for_good_stops_no_other() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.errors = [KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))]
        assert await sender.send_events(events("a", "b")) == [REFUSED, ACKED]

    with_sender(use)


Die = Callable[[EventSender, FakeClient], Awaitable[None]]


async def at_produce(_: EventSender, link: FakeClient) -> None:
    link.die()


async def at_poll(sender: EventSender, link: FakeClient) -> None:
    link.die()
    await settled(sender)


@pytest.mark.parametrize("die", [at_produce, at_poll])
def test_a_client_that_gave_up_is_replaced(die: Die) -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        waiting = asyncio.create_task(sender.send_events(events("before")))
        await all_wait(waiting)
        clock.now += 60
        await die(sender, link)
        while await sender.send_events(events("a")) != [ACKED]:  # the first one may be what finds out
            assert sender.failing
        assert await waiting == [AWAY]
        assert link.sent == [b"before"]
        assert not sender.failing

    _, second = with_sender(use)
    assert second.sent == [b"a"]


def test_orphans_of_a_client_that_gave_up_are_sent_anew() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        await give_up_on(sender, "a")
        clock.now += 60
        await at_poll(sender, link)
        assert await sender.send_events(events("a")) == [ACKED]

    _, second = with_sender(use)
    assert second.sent == [b"a"]


def test_what_a_client_never_reports_is_lost_with_it() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic = False
        waiting = asyncio.create_task(sender.send_events(events("a", "a")))
        await all_wait(waiting)
        clock.now += 60
        reports = [report for _, report in link.held]
        link.held.clear()
        await at_poll(sender, link)
        assert await waiting == [AWAY, AWAY]
        reports[0](None, None)  # comes too late, and changes nothing
        assert await sender.send_events(events("a")) == [ACKED]

    with_sender(use)


def test_when_a_client_gives_up_in_mid_request_the_rest_does_not_overtake() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        link.automatic, link.dies_after = False, 2
        clock.now += 60
        assert await sender.send_events(events("a", "b", "c", "d")) == [AWAY, AWAY, AWAY, AWAY]
        assert await sender.send_events(events("a", "b", "c", "d")) == [ACKED] * 4

    _, second = with_sender(use)
    assert second.sent == [b"a", b"b", b"c", b"d"]


def test_a_gateway_that_cannot_recover_tries_slowly_and_says_so() -> None:
    async def use(sender: EventSender, link: FakeClient, clock: Clock) -> None:
        clock.now += 60
        sender._client._client._connect = broken
        link.die()
        for _ in range(3):
            assert await sender.send_events(events("a")) == [AWAY]
        await settled(sender)  # the next one dies before anything is sent
        assert (made, sender.failing) == (["dead"], True)
        clock.now += RENEW_EVERY_S
        await settled(sender)
        assert (made, sender.failing) == (["dead", "dead"], True)
        sender._client._client._connect = refused
        clock.now += TRUSTED_AFTER_S
        await settled(sender)
        assert (made[2:], sender.failing) == (["refused"], True)
        sender._client._client._connect = FakeClient
        clock.now += RENEW_EVERY_S
        await settled(sender)
        assert [sender.failing] == [True]
        clock.now += TRUSTED_AFTER_S
        assert [sender.failing] == [False]
        assert await sender.send_events(events("a")) == [ACKED]

    def broken() -> FakeClient:
        made.append("dead")
        client = FakeClient()
        client.die()
        return client

    def refused() -> FakeClient:
        made.append("refused")
        raise SettingsError("the file of the CA is gone")

    made: list[str] = []
    with_sender(use)


def test_an_answer_that_nobody_hears_is_remembered() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        assert await sender.send_events(events("a"), remember=True) == [ACKED]
        assert await sender.send_events(events("a", "b")) == [ACKED, ACKED]
        assert link.sent == [b"a", b"b"]
        other = [OutgoingEvent((b"shop/c2", "a"), b"another conversation")]
        assert await sender.send_events(other) == [ACKED]
        assert link.sent[-1] == b"another conversation"

    with_sender(use)


def test_a_request_that_is_cancelled_leaves_orphans_that_a_retry_joins() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        gone = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(gone)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        retry = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(gone, retry)
        link.answer()
        assert await retry == [ACKED]
        assert link.sent == [b"a"]

    with_sender(use)


def test_stopping_answers_those_who_wait() -> None:
    async def use(sender: EventSender, link: FakeClient, _: Clock) -> None:
        link.automatic = False
        waiting = asyncio.create_task(sender.send_events(events("a")))
        await all_wait(waiting)
        assert sender.waiting() == 1
        sender.stop()
        assert await waiting == [AWAY]

    with_sender(use)
