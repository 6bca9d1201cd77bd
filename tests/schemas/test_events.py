"""Typed events: the way to records and back, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.events import (
    AddMessage,
    CompareMessages,
    ConversationEvent,
    EndConversation,
    StartConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Feedback, Number, Signal, Thumb
from plaudit_schemas.contract.times import micros, moment, read_moment
from plaudit_schemas.contract.ulid import encode_ulid, new_ulid
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.examples import Example, examples
from pydantic import ValidationError


@pytest.mark.parametrize(
    "example", list(examples("conversation_event")), ids=lambda example: example.title.partition(",")[0]
)
def test_every_example_is_a_valid_event_and_comes_back_the_same(example: Example) -> None:
    record = Decoder("conversation_event").decode(example.payload)
    event = ConversationEvent.from_record(record)
    assert Encoder("conversation_event").encode(event.to_record()) == example.payload


def _event(**body: Any) -> ConversationEvent:
    return ConversationEvent(application="acme", conversation_id="c", body=AddMessage(role="user", **body))


def test_limits_are_checked_where_events_are_made() -> None:
    _event(content="x" * (1024 * 1024), message_id="i" * 128)
    _event(content="\U0001f600" * (256 * 1024))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"content": "x" * (1024 * 1024 + 1)}, "1048576 bytes"),
        ({"content": "\U0001f600" * (256 * 1024 + 1)}, "1048576 bytes"),
        ({"content": "", "message_id": "i" * 129}, "at most 128"),
        ({"content": "", "message_id": ""}, "at least 1"),
        ({"content": "", "metadata": {str(n): "" for n in range(33)}}, "at most 32"),
        ({"content": "", "latency_ms": -1}, "greater than or equal to 0"),
        ({"content": "", "colour": "red"}, "not permitted"),
    ]
    for body, words in wrong:
        with pytest.raises(ValidationError, match=words):
            _event(**body)
    for application in ("", "a/b", "a b", "a" * 129):
        with pytest.raises(ValidationError):
            ConversationEvent(application=application, conversation_id="c", body=StartConversation())


def test_kind_follows_the_value_and_must_fit_it() -> None:
    assert Feedback(aspect="helpful", value=Thumb(like=True)).kind == "thumb"
    assert Feedback(aspect="helpful", value=Signal(name="copied")).signal == "copied"
    assert Feedback(aspect="helpful", kind="thumb").value is None
    for wrong in (
        {"aspect": "helpful"},
        {"aspect": "helpful", "kind": "number", "value": Thumb(like=True)},
        {"aspect": "helpful", "kind": "signal"},
        {"aspect": "helpful", "signal": "copied", "value": Thumb(like=True)},
    ):
        with pytest.raises(ValidationError):
            Feedback(**wrong)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        pytest.param(6, 1, 5, id="above"),
        pytest.param(0, 1, 5, id="below"),
        pytest.param(1, 1, 1, id="scale of one point"),
        pytest.param(float("nan"), 0, 1, id="not a number"),
    ],
)
def test_a_number_lies_on_its_scale(value: float, low: float, high: float) -> None:
    with pytest.raises(ValidationError):
        Number(number=value, minimum=low, maximum=high)


def test_a_ranking_holds_its_candidates_once() -> None:
    for candidates, ranking in (
        (["a"], [["a"]]),
        (["a", "b"], [["a"], ["a"]]),
        (["a", "b"], [["c"]]),
        (["a", "a"], []),
    ):
        with pytest.raises(ValidationError):
            CompareMessages(candidates=candidates, ranking=ranking)


def test_times_are_exact_to_the_microsecond() -> None:
    at = datetime(2026, 11, 21, 4, 5, 6, 789012, tzinfo=UTC)
    assert moment(micros(at)) == at
    assert micros(at + timedelta(microseconds=1)) == micros(at) + 1
    with pytest.raises(ValidationError):
        ConversationEvent(
            application="a",
            conversation_id="c",
            occurred_at=at.replace(tzinfo=None),
            body=StartConversation(),
        )


def test_a_time_as_text_is_read_in_utc_or_refused() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for text in ("2026-11-21T12:00:00", "2026-11-21T12:00:00Z", "2026-11-21T14:00:00+02:00"):
        assert read_moment(text) == noon
        assert read_moment(text).tzinfo is UTC
    assert read_moment("2026-11-21") == noon - timedelta(hours=12)
    for text in ("yesterday", "", "2026-13-01", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-05:00"):
        with pytest.raises(ValueError, match=r"isoformat|month|years"):
            read_moment(text)


def test_ulids_are_26_characters_and_sort_by_time() -> None:
    assert encode_ulid(0, bytes(10)) == "0" * 26
    assert encode_ulid((1 << 48) - 1, b"\xff" * 10) == "7" + "Z" * 25
    assert encode_ulid(1, bytes(10)) < encode_ulid(2, bytes(10))
    assert len({new_ulid() for _ in range(1000)}) == 1000
    with pytest.raises(ValueError, match="48 bits"):
        encode_ulid(1 << 48, bytes(10))


@pytest.mark.parametrize(
    "example", list(examples("conversation_event")), ids=lambda example: example.title.partition(",")[0]
)
def test_the_sparse_form_is_read_back_too(example: Example) -> None:
    dense = ConversationEvent.from_record(Decoder("conversation_event").decode(example.payload))
    sparse = Decoder("conversation_event", sparse=True).decode(example.payload)
    assert ConversationEvent.from_record(sparse) == dense


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"occurred_at": 2**63 - 1}, "OverflowError", id="time beyond the calendar"),
        pytest.param({"body": ("plaudit.v1.Wave", {})}, "Wave", id="unknown body"),
        pytest.param({"body": None}, "TypeError", id="no body"),
        pytest.param({"application": "a/b"}, "application: .*pattern", id="application with a slash"),
        pytest.param({"colour": "red"}, "colour: .*not permitted", id="unknown field"),
    ],
)
def test_a_record_that_is_no_event_says_why(change: dict[str, Any], words: str) -> None:
    record = Decoder("conversation_event").decode(next(iter(examples("conversation_event"))).payload)
    with pytest.raises(InvalidEventError, match=words):
        ConversationEvent.from_record({**record, **change})


def test_feedback_on_the_whole_conversation_has_no_message() -> None:
    body = UpdateMessage(feedback=Feedback(aspect="helpful", value=Thumb(like=False)))
    event = ConversationEvent(application="acme", conversation_id="c", body=body)
    assert ConversationEvent.from_record(event.to_record()) == event


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        pytest.param(
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "years 1 to 9999", id="year 0 in UTC"
        ),
        pytest.param(
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "years 1 to 9999", id="year 10000"
        ),
        pytest.param("9999-12-31T23:00:00-12:00", "years 1 to 9999", id="year 10000 as a text"),
        pytest.param(1_795_262_400, "a datetime with a time zone, not int", id="seconds"),
        pytest.param(1_795_262_400_000, "a datetime with a time zone, not int", id="milliseconds"),
        pytest.param(1_795_262_400.5, "a datetime with a time zone, not float", id="a float"),
    ],
)
def test_a_time_that_no_reader_can_hold_is_refused_where_events_are_made(at: Any, problem: str) -> None:
    with pytest.raises(InvalidEventError, match=f"^occurred_at .*{problem}"):
        ConversationEvent(application="a", conversation_id="c", occurred_at=at, body=EndConversation())
    with pytest.raises(InvalidEventError, match=f"^last_activity_at .*{problem}"):
        EndConversation(last_activity_at=at)


def test_a_time_as_a_text_is_parsed_and_a_number_in_a_text_is_not() -> None:
    expected = datetime(2026, 11, 21, tzinfo=UTC)
    assert EndConversation(last_activity_at="2026-11-21T00:00:00Z").last_activity_at == expected
    with pytest.raises(ValidationError):
        EndConversation(last_activity_at="1795262400000")
