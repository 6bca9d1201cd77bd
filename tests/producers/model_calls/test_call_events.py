"""The events of a model call: what they hold, and that whatever a library hands over makes valid ones."""

import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from threading import Thread
from typing import Any

import pytest
from plaudit_producers import BufferFullError, ClosedError
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.events import conversation_id_of, events_of
from plaudit_producers.model_calls.recorder import CallRecorder
from plaudit_producers.model_calls.values import (
    attachment_of,
    model_of,
    tool_call_of,
)
from plaudit_producers.sdk.fitting import fitting_id, fitting_text
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import (
    AddMessage,
    Attachment,
    EndConversation,
    Model,
    StartConversation,
    TokenUsage,
)
from plaudit_schemas.contract.limits import CONTENT_BYTES, ID_CHARACTERS
from plaudit_schemas.contract.records import validate

from tests.support.model_calls import FoldedLog, call, chat

AT = datetime(2025, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def producer() -> Iterator[InMemoryProducer]:
    with InMemoryProducer() as made:
        yield made


def test_a_call_is_recorded_whole(producer: InMemoryProducer) -> None:
    asked = chat("s: Help.", "u: Where?")
    made = CallRecorder(producer).record(
        call(
            asked,
            CallAnswer(
                CallMessage(
                    "assistant", "There.", reasoning="hm", tool_calls=(tool_call_of("1", "f", "{}"),)
                ),
                finish_reason="stop",
            ),
            user_id="u-1",
            consent="granted",
            model=Model(id="m", version="2"),
            started_at=AT,
            latency_ms=1500,
            first_token_ms=200,
            usage=TokenUsage(input=7, output=3),
            parameters='{"temperature": 0}',
            tools="[]",
            response_id="resp-1",
            tags={"shop": "de"},
            metadata={"k": "v"},
        )
    )
    start, system, user, answer = producer.events
    assert isinstance(start.body, StartConversation)
    assert (start.body.user_id, start.body.consent, start.body.tags) == ("u-1", "granted", {"shop": "de"})
    said = [event.body for event in (system, user, answer) if isinstance(event.body, AddMessage)]
    assert [body.role for body in said] == ["system", "user", "assistant"]
    assert [body.parent_id for body in said] == ["", said[0].message_id, said[1].message_id]
    assert made == [said[2].message_id]
    assert said[2].model_dump(exclude_defaults=True, exclude={"message_id", "parent_id"}) == {
        "role": "assistant",
        "content": "There.",
        "reasoning": "hm",
        "tool_calls": [{"id": "1", "name": "f", "arguments": "{}"}],
        "model": {"id": "m", "version": "2"},
        "tools": "[]",
        "parameters": '{"temperature": 0}',
        "latency_ms": 1500,
        "first_token_ms": 200,
        "finish_reason": "stop",
        "usage": {"input": 7, "output": 3},
        "metadata": {"response_id": "resp-1", "k": "v"},
    }
    assert [event.occurred_at.second for event in (user, answer)] == [0, 1]


def test_a_failed_call_says_why(producer: InMemoryProducer) -> None:
    failed = CallAnswer(CallMessage("assistant"), status="error", error="The model is overloaded.")
    CallRecorder(producer).record(call(chat("u: Where?"), failed))
    body = producer.events[-1].body
    assert isinstance(body, AddMessage)
    assert (body.status, body.metadata) == ("error", {"error": "The model is overloaded."})


@pytest.mark.parametrize("response_id", ["resp-1", None], ids=["with a response id", "without one"])
def test_a_call_without_a_conversation_is_one_of_its_own(
    producer: InMemoryProducer, response_id: str | None
) -> None:
    recorder, unnamed = CallRecorder(producer), call(chat("u: a"), "b", conversation_id=None)
    for _ in range(2):
        recorder.record(replace(unnamed, response_id=response_id))
    assert [
        event.body.reason for event in producer.events if isinstance(event.body, EndConversation)
    ] == 2 * ["closed"]
    conversations = {event.conversation_id for event in producer.events}
    assert len(conversations) == (1 if response_id else 2)
    folded = [FoldedLog(producer, conversation_id=each) for each in conversations]
    assert all(each.paths() == [["a", "b"]] and not each.state.is_open for each in folded)


def test_a_failed_call_of_its_own_ends_with_an_error(producer: InMemoryProducer) -> None:
    failed = CallAnswer(CallMessage("assistant"), status="error")
    CallRecorder(producer).record(call(chat("u: a"), failed, conversation_id=None))
    body = producer.events[-1].body
    assert isinstance(body, EndConversation)
    assert body.reason == "error"


def test_two_integrations_that_see_one_call_record_it_once(producer: InMemoryProducer) -> None:
    other = InMemoryProducer()
    seen = call(chat("s: Help.", "u: a"), "b", "c")
    ids = [CallRecorder(each).record(seen) for each in (producer, other)]
    folded = FoldedLog(producer, other)
    assert ids[0] == ids[1]
    assert folded.paths() == [["Help.", "a", "b"], ["Help.", "a", "c"]]
    assert (folded.effects.duplicates, folded.refused) == (5, [])


def test_equal_answers_of_one_call_are_one_message(producer: InMemoryProducer) -> None:
    assert len(set(CallRecorder(producer).record(call(chat("u: a"), "b", "b")))) == 1
    assert FoldedLog(producer).paths() == [["a", "b"]]
    assert len(producer.events) == 3


def test_news_of_a_conversation_are_sent_and_what_is_known_is_not(producer: InMemoryProducer) -> None:
    recorder, asked = CallRecorder(producer), chat("u: a")
    for more in ({}, {"user_id": "u-1"}, {"user_id": "u-1"}, {"user_id": "u-1", "tags": {"k": "v"}}):
        recorder.record(call(asked, "b", **more))
    state = FoldedLog(producer).state
    assert len(producer.events) == 5
    assert (state.facts["user_id"], state.facts["tags"]) == ("u-1", {"k": "v"})


LONG = "x" * (CONTENT_BYTES + 1)
BAD_CALLS: dict[str, dict[str, Any]] = {
    "a long text": {"given": (CallMessage("user", LONG),)},
    "a long text beyond ASCII": {"given": (CallMessage("user", "ü" * CONTENT_BYTES),)},
    "half a surrogate pair": {"given": (CallMessage("user", "a\ud83d"),)},
    "a long conversation id": {"conversation_id": "x" * 1000},
    "an empty conversation id": {"conversation_id": ""},
    "half a pair in an id": {"conversation_id": "\ud83d", "user_id": "\ud83d"},
    "a long user id": {"user_id": "x" * 1000},
    "an empty user id": {"user_id": ""},
    "many tags": {"tags": {str(number): "x" for number in range(100)}},
    "long metadata": {"metadata": {LONG: LONG}},
    "many metadata": {"metadata": {str(number): "x" for number in range(100)}, "response_id": "r"},
    "a long response id": {"response_id": "x" * 1000, "conversation_id": None},
    "long tools": {"tools": LONG, "parameters": LONG},
    "a clock that was set back": {"latency_ms": -5, "first_token_ms": -1},
    "a time without a zone": {"started_at": datetime(2026, 1, 1)},  # noqa: DTZ001  # what libraries hand over
    "nothing given": {"given": (), "answers": ()},
    "a long id of a tool call": {
        "given": (
            CallMessage("assistant", tool_calls=(tool_call_of("x" * 1000, LONG, "{}"),)),
            CallMessage("tool", "7", tool_call_id="x" * 1000),
        )
    },
    "a tool call without id and name": {
        "given": (CallMessage("assistant", tool_calls=(tool_call_of(None, None, ""),)),)
    },
    "a model with a long name": {"model": model_of("x" * 1000, LONG, {"k": LONG})},
    "an image in the message": {
        "given": (CallMessage("user", "?", attachments=(attachment_of("data:image/png;base64," + LONG),)),)
    },
}


@pytest.mark.parametrize("fields", BAD_CALLS.values(), ids=BAD_CALLS)
def test_whatever_a_library_hands_over_makes_valid_events(fields: dict[str, Any]) -> None:
    seen = replace(call(chat("u: a"), "b"), **fields)
    records = events_of(seen, "shop").records
    assert records
    for record in records:
        validate(record)


def test_what_is_too_long_is_shortened_in_the_same_way() -> None:
    long = "call_" + "x" * 1000
    assert fitting_id(long) == fitting_id(long) != fitting_id(long + "y")
    assert len(fitting_id(long) or "") == ID_CHARACTERS
    assert [fitting_id("c1"), fitting_id(""), fitting_id(None)] == ["c1", None, None]
    cut = fitting_text(LONG)
    assert cut.endswith("[cut: the text is too long for an event]")
    assert len(cut.encode()) == CONTENT_BYTES
    assert fitting_text("fits") == "fits"
    assert model_of(None) is None


def test_data_in_a_uri_is_replaced_by_its_hash() -> None:
    made = attachment_of("data:image/png;base64,Y2F0")
    hashed = urlsafe_b64encode(sha256(b"cat").digest()).decode().rstrip("=")
    assert made == Attachment(uri=f"ni:///sha-256;{hashed}", media_type="image/png")
    assert attachment_of("data:,cat").uri == made.uri
    assert attachment_of("data:image/png;base64,Y2F").uri != made.uri  # it was cut
    assert attachment_of("https://x/cat.png", "image/png").uri == "https://x/cat.png"


def test_an_event_that_is_too_large_is_cut(
    producer: InMemoryProducer, caplog: pytest.LogCaptureFixture
) -> None:
    """Each text fits alone, but not together into one event."""
    large = CallMessage("assistant", LONG, reasoning=LONG)
    recorder = CallRecorder(producer)
    with caplog.at_level(logging.WARNING, "plaudit_producers"):
        recorder.record(call(chat("u: a"), CallAnswer(large)))
        recorder.record(call((*chat("u: a"), large, *chat("u: b")), "c"))
    assert len(producer.events) == 5
    assert caplog.text.count("was repaired (cut)") == 1  # and not with every call that has it in its history


def test_what_could_not_be_sent_is_not_known() -> None:
    producer = InMemoryProducer(when_full="raise", max_buffer_events=2)
    recorder = CallRecorder(producer)
    producer.go_offline()
    with pytest.raises(BufferFullError):
        recorder.record(call(chat("s: Help.", "u: a"), "b"))
    producer.go_online()
    recorder.record(call(chat("s: Help.", "u: a"), "b"))
    assert FoldedLog(producer).paths() == [["Help.", "a", "b"]]
    assert len(producer.events) == 4


def test_what_was_dropped_is_sent_when_it_comes_again() -> None:
    """With a full buffer an event is dropped without an error. The history of the next call has it again."""
    producer = InMemoryProducer(max_buffer_events=2)
    recorder = CallRecorder(producer)
    producer.go_offline()
    recorder.record(call(chat("s: Help.", "u: a"), "b"))
    producer.go_online()
    assert producer.stats().dropped == 2
    recorder.record(call(chat("s: Help.", "u: a", "a: b", "u: c"), "d"))
    folded = FoldedLog(producer)
    assert folded.paths() == [["Help.", "a", "b", "c", "d"]]
    assert folded.effects.duplicates == 0


def test_a_window_does_not_follow_what_was_lost() -> None:
    producer = InMemoryProducer(max_buffer_events=3)
    recorder = CallRecorder(producer)
    recorder.record(call(chat("u: a"), "b"))
    producer.go_offline()
    recorder.record(call(chat("u: a", "a: b", "u: c", "a: d", "u: e"), "f"))  # f is dropped
    producer.go_online()
    recorder.record(call(chat("a: f", "u: g"), "h"))
    assert FoldedLog(producer).paths() == [["a", "b", "c", "d", "e"], ["f", "g", "h"]]


def test_a_closed_producer_is_said(producer: InMemoryProducer) -> None:
    producer.close()
    with pytest.raises(ClosedError):
        CallRecorder(producer).record(call(chat("u: a"), "b"))


def test_threads_record_one_conversation_once(producer: InMemoryProducer) -> None:
    recorder = CallRecorder(producer)
    asked = chat("s: Help.", *[f"{'ua'[number % 2]}: {number}" for number in range(41)])
    threads = [
        Thread(target=lambda: [recorder.record(call(asked[:at], "same")) for at in range(2, 42, 2)])
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ids = [event.event_id for event in producer.events]
    assert len(ids) == len(set(ids)) == 1 + 40 + 20


def test_the_conversation_of_a_call() -> None:
    unnamed = call((), conversation_id=None)
    assert conversation_id_of(call(())) == "c1"
    assert conversation_id_of(replace(unnamed, response_id="r")) == "r"
    assert conversation_id_of(unnamed) != conversation_id_of(unnamed)
