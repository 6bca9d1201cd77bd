"""Feedback later, from another process, by the message's id alone."""

import asyncio
import inspect
from typing import Any

import pytest
from plaudit_producers import Conversation, MessageHandle, ProducerOptions
from plaudit_producers.sdk.message_ids import conversation_of
from plaudit_producers.testing import AsyncInMemoryProducer, InMemoryProducer
from plaudit_schemas.contract.events import ConversationEvent, UpdateMessage
from plaudit_schemas.errors import InvalidEventError, SettingsError

CALLS: dict[str, tuple[Any, ...]] = {
    "like": (),
    "dislike": (),
    "rate": (4,),
    "label": (["correct"],),
    "comment": ("Fine.",),
    "correct": ("It arrives today.",),
    "signal": ("dwell_seconds", 3),
    "mark_spans": ([{"start": 0, "end": 2, "label": "wrong"}],),
    "withdraw": ("thumb",),
    "exclude": (),
}


def carrying_message() -> str:
    producer = InMemoryProducer(message_ids="with_conversation")
    return producer.start_conversation("c-1").add_message("assistant", "It arrives tomorrow.")


def said(event: ConversationEvent) -> dict[str, Any]:
    """What an event says, without what is new in each."""
    document = event.model_dump(exclude={"event_id", "occurred_at", "producer", "sequence"})
    document["body"].get("feedback", {}).pop("id", None)
    return document


@pytest.mark.parametrize("name", CALLS)
def test_a_message_says_what_its_conversation_would_say_of_it(name: str) -> None:
    message_id, later = carrying_message(), InMemoryProducer()
    returned = getattr(later.message(message_id), name)(*CALLS[name])
    getattr(later.conversation("c-1"), name)(message_id, *CALLS[name])
    by_message, by_conversation = later.events
    assert said(by_message) == said(by_conversation)
    body = by_message.body
    assert returned == (body.feedback.id if isinstance(body, UpdateMessage) else by_message.event_id)


def test_it_has_every_method_that_is_about_one_message() -> None:
    handle = vars(Conversation) | vars(Conversation.__mro__[1])
    takes_a_message = {
        name
        for name, method in handle.items()
        if not name.startswith("_")
        and inspect.isfunction(method)
        and list(inspect.signature(method).parameters)[1:2] == ["message_id"]
    }
    assert takes_a_message == {name for name in vars(MessageHandle) if name in CALLS} == set(CALLS)


def test_fields_and_raters_are_passed_on() -> None:
    later = InMemoryProducer()
    handle = later.message(carrying_message())
    handle.rate(7, maximum=10, aspect="accuracy", rater={"id": "r", "kind": "reviewer"}, feedback_id="f-1")
    (event,) = later.events
    assert isinstance(event.body, UpdateMessage)
    feedback = event.body.feedback
    assert (feedback.id, feedback.aspect, feedback.rater.id, event.conversation_id) == (
        "f-1",
        "accuracy",
        "r",
        "c-1",
    )


def test_for_asyncio() -> None:
    later = AsyncInMemoryProducer()
    asyncio.run(rate_later(later, carrying_message()))
    assert [event.conversation_id for event in later.events] == ["c-1"]


async def rate_later(producer: AsyncInMemoryProducer, message_id: str) -> None:
    assert await producer.message(message_id).like()


@pytest.mark.parametrize(
    "message_id",
    [
        pytest.param("m-1", id="one of your own"),
        pytest.param("01K6A2B3C4D5E6F7G8H9J0KMNP", id="a short one of the SDK"),
        pytest.param("", id="empty"),
        pytest.param(None, id="none at all"),
        pytest.param(7, id="number"),
        pytest.param(b"pm-QGKA4HA8YPY26KKVBG92A37BWC@c1", id="bytes"),
        pytest.param("pm-QGKA4HA8YPY26KKVBG92A37BWC@" + "x" * 200, id="too long"),
    ],
)
def test_an_id_that_carries_no_conversation_is_refused(message_id: Any) -> None:
    with pytest.raises(
        InvalidEventError, match="does not carry its conversation; give the conversation's id"
    ):
        InMemoryProducer(strict=True).message(message_id)


@pytest.mark.parametrize("make", [InMemoryProducer, AsyncInMemoryProducer])
def test_ids_are_short_unless_asked_for(make: Any) -> None:
    async def add(producer: Any, **fields: Any) -> str:
        chat = producer.conversation("c-1")
        added = chat.add_message("user", "x", **fields)
        return str(await added if isinstance(producer, AsyncInMemoryProducer) else added)

    assert len(asyncio.run(add(make()))) == 26
    made = asyncio.run(add(make(message_ids="with_conversation")))
    assert conversation_of(made) == "c-1"
    assert asyncio.run(add(make(message_ids="with_conversation"), message_id="mine")) == "mine"


def test_a_conversation_whose_id_is_too_long_gets_ids_without_it() -> None:
    producer = InMemoryProducer(message_ids="with_conversation")
    made = producer.conversation("x" * 99).add_message("user", "x")
    assert conversation_of(made) is None
    assert producer.events[0].conversation_id == "x" * 99


def test_another_kind_of_id_is_refused() -> None:
    with pytest.raises(SettingsError, match="message_ids"):
        ProducerOptions.of({"message_ids": "long"})
