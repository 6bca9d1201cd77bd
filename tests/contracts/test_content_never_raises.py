"""Whatever a chat holds, no call of a producer raises unless it is strict, and nothing is lost unsaid."""

import asyncio
import logging
import math
from typing import Any

import pytest
from plaudit_producers import ClosedError, ContentProblem, Delivery, RejectedError, UnknownFieldError
from plaudit_producers.errors import EventSizeError
from plaudit_producers.testing import AsyncInMemoryProducer, InMemoryProducer
from plaudit_schemas.contract.events import AddMessage, ExcludeFromTraining, StartConversation, UpdateMessage
from plaudit_schemas.contract.limits import CONTENT_BYTES, ID_CHARACTERS
from plaudit_schemas.errors import SettingsError

from tests.contracts.blocking import Blocking, running_loop
from tests.contracts.test_bad_calls import BAD_CALLS

PROGRAM_ERRORS = {"unknown field"}


@pytest.mark.parametrize("case", [case for case in BAD_CALLS if case not in PROGRAM_ERRORS])
@pytest.mark.parametrize("when_invalid", ["repair", "drop"])
@pytest.mark.parametrize("make", [InMemoryProducer, AsyncInMemoryProducer])
def test_what_a_strict_producer_refuses_does_not_raise(case: str, when_invalid: str, make: Any) -> None:
    made = make(when_invalid=when_invalid)
    with running_loop() as loop:
        producer: Any = made if make is InMemoryProducer else Blocking(made, loop)
        BAD_CALLS[case](producer)
        producer.conversation("after").end()
    stats = made.stats()
    assert stats.repaired or stats.rejected
    assert made.events[-1].conversation_id == "after"


def test_errors_of_the_program_still_raise() -> None:
    producer = InMemoryProducer()
    with pytest.raises(UnknownFieldError, match="has no field mood"):
        producer.conversation("c").add_message("user", "x", mood="good")  # type: ignore[call-arg]
    with pytest.raises(UnknownFieldError, match="has no field mood"):
        producer.conversation("c").like("m", mood="good")  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="when_invalid"):
        InMemoryProducer(when_invalid="ignore")  # type: ignore[arg-type]
    assert producer.events == []
    producer.close()
    with pytest.raises(ClosedError):
        producer.conversation("c").add_message("user", None)  # type: ignore[arg-type]


def added(producer: InMemoryProducer) -> AddMessage:
    body = producer.events[-1].body
    assert isinstance(body, AddMessage)
    return body


def test_what_can_be_kept_is_kept() -> None:
    producer = InMemoryProducer()
    chat: Any = producer.conversation("c")
    chat.add_message("assistant", None, tool_calls=[{"id": None, "name": "find", "arguments": {"a": 1}}])
    message = added(producer)
    assert message.content == ""
    assert [(call.id, call.arguments) for call in message.tool_calls] == [("unknown", '{"a": 1}')]
    chat.add_message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], latency_ms=-1)
    assert (added(producer).content, added(producer).latency_ms) == ("ab", None)
    chat.add_message("user", "\ud83d\ude00 and \ud800")
    assert added(producer).content == "😀 and �"
    chat.add_message("user", "x", metadata={"order": 7, "none": None, **{str(n): "" for n in range(40)}})
    assert added(producer).metadata["order"] == "7"
    assert len(added(producer).metadata) == 32
    returned = chat.add_message("user", "x", message_id="")
    assert returned == added(producer).message_id != ""
    chat.add_message("assistant", "y")
    assert added(producer).parent_id == returned


def test_the_same_long_id_is_always_the_same_chat() -> None:
    producer = InMemoryProducer()
    long = "x" * (ID_CHARACTERS + 1)
    message = producer.start_conversation(long).add_message("assistant", "x", message_id=long)
    producer.conversation(long).like(long)
    assert {event.conversation_id for event in producer.events} == {
        producer.conversation(long).conversation_id
    }
    vote = producer.events[-1].body
    assert isinstance(vote, UpdateMessage)
    assert vote.message_id == message


def test_a_cut_answer_is_marked_and_is_no_target_of_training() -> None:
    producer = InMemoryProducer()
    chat = producer.conversation("c")
    chat.add_message("assistant", "é" * CONTENT_BYTES)
    message = added(producer)
    assert message.content.endswith("[cut: the text is too long for an event]")
    assert (len(message.content.encode()) <= CONTENT_BYTES, message.status) == (True, "cut")
    chat.add_message("assistant", "x" * CONTENT_BYTES, reasoning="y" * CONTENT_BYTES, tools="z" * 500_000)
    message = added(producer)
    assert (message.status, message.tools) == ("cut", None) or message.tools is not None
    chat.correct("m", "x" * (CONTENT_BYTES + 1))  # it would teach the mark
    assert producer.stats().rejected == {"invalid": 1}


def test_the_careful_value_stands_for_one_that_cannot_be_read() -> None:
    producer = InMemoryProducer()
    producer.start_conversation("c", consent="yes")  # type: ignore[arg-type]
    producer.conversation("c").exclude("m", excluded="yes")  # type: ignore[arg-type]
    start, exclusion = (event.body for event in producer.events)
    assert isinstance(start, StartConversation)
    assert isinstance(exclusion, ExcludeFromTraining)
    assert (start.consent, exclusion.excluded) == ("denied", True)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda chat: chat.rate("m", math.nan), id="no number"),
        pytest.param(lambda chat: chat.rate("m", 9), id="off its scale"),
        pytest.param(lambda chat: chat.like([]), id="which message"),
        pytest.param(lambda chat: chat.like("m", rater={"kind": "boss"}), id="whose word"),
        pytest.param(lambda chat: chat.like("m", aspect=""), id="about what"),
        pytest.param(lambda chat: chat.add_message("narrator", "x"), id="who speaks"),
        pytest.param(lambda chat: chat.compare(["a", "b"], ["c"]), id="which is better"),
    ],
)
def test_what_says_something_is_never_guessed(call: Any) -> None:
    problems: list[ContentProblem] = []
    deliveries: list[Delivery] = []
    producer = InMemoryProducer(on_problem=problems.append, on_delivery=deliveries.append)
    call(producer.conversation("c"))
    assert producer.events == []
    assert producer.stats().rejected == {"invalid": 1}
    assert [(problem.sent, problem.conversation_id) for problem in problems] == [(False, "c")]
    assert isinstance(deliveries[0].error, RejectedError)


def test_a_redact_hook_that_raises_sends_nothing_and_stops_nobody() -> None:
    hooks: tuple[Any, ...] = (lambda record: record["nonsense"], lambda _: None, _raise_settings_error)
    for hook in hooks:
        producer = InMemoryProducer(redact=hook)
        assert producer.conversation("c").add_message("user", "secret")
        assert producer.events == []
        assert producer.stats().rejected == {"redaction": 1}


def _raise_settings_error(_: Any) -> Any:
    raise SettingsError("no dictionary")


def test_what_a_hook_makes_too_long_is_cut() -> None:
    def lengthen(record: Any) -> Any:
        record["body"][1]["content"] *= 2
        return record

    producer = InMemoryProducer(redact=lengthen)
    producer.conversation("c").add_message("user", "x" * 600_000)
    assert added(producer).status == "cut"


def test_an_event_too_large_for_its_topic_is_cut_or_refused() -> None:
    large: Any = {"reasoning": "y" * CONTENT_BYTES, "tools": "z" * CONTENT_BYTES}
    with pytest.raises(EventSizeError, match="send long texts by reference"):
        InMemoryProducer(strict=True).conversation("c").add_message("assistant", "x" * CONTENT_BYTES, **large)
    producer = InMemoryProducer(when_invalid="drop")
    producer.conversation("c").add_message("assistant", "x" * CONTENT_BYTES, **large)
    assert (producer.events, producer.stats().rejected) == ([], {"too_large": 1})


def test_what_follows_a_rejected_message_is_an_orphan() -> None:
    async def chat_of_three(producer: AsyncInMemoryProducer) -> list[str | None]:
        chat = producer.conversation("c")
        await chat.add_message("user", "?", message_id="q")
        await chat.add_message("user", object(), message_id="n")  # type: ignore[arg-type]
        await chat.add_message("assistant", "!", message_id="a")
        return [event.body.parent_id for event in producer.events if isinstance(event.body, AddMessage)]

    assert asyncio.run(chat_of_three(AsyncInMemoryProducer())) == [None, "n"]


def test_each_reason_is_logged_once_and_without_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "plaudit_producers"):
        chat: Any = InMemoryProducer().conversation("c")
        for _ in range(50):
            chat.add_message("secret", "secret")
            chat.add_message("user", None)
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == len(set(texts)) == 2
    assert not any("secret" in text for text in texts)
