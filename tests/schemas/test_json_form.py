"""Events as JSON documents: there and back to the same bytes, and what is not an event is named."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.events import BODIES, ConversationEvent
from plaudit_schemas.contract.feedback import VALUES
from plaudit_schemas.contract.json_form import document_of, record_of
from plaudit_schemas.contract.names import BODY_NAMES
from plaudit_schemas.contract.records import validate
from plaudit_schemas.contract.times import micros
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.examples import Example, examples

EXAMPLES = list(examples("conversation_event"))
_encode = Encoder("conversation_event").encode


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title.partition(",")[0])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_every_example_goes_through_json_to_the_same_bytes(example: Example, sparse: bool) -> None:
    record = Decoder("conversation_event", sparse=sparse).decode(example.payload)
    again = record_of(json.loads(json.dumps(document_of(record))))
    assert _encode(again) == example.payload


def test_every_body_and_value_has_a_name() -> None:
    shown = {example.record["body"][0] for example in EXAMPLES}
    assert shown == set(BODIES) == BODY_NAMES
    assert len({model.kind for model in VALUES.values()}) == len(VALUES)


def minimal(kind: str, **fields: Any) -> dict[str, Any]:
    return {"application": "shop", "conversation_id": "c", "body": {"type": kind, **fields}}


THUMB = {"aspect": "tone", "value": {"kind": "thumb", "like": True}}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("StartConversation", {}, id="start"),
        pytest.param("UpdateConversation", {}, id="update"),
        pytest.param("AddMessage", {"role": "user", "content": ""}, id="message"),
        pytest.param("UpdateMessage", {"feedback": THUMB}, id="thumb"),
        pytest.param(
            "UpdateMessage",
            {"feedback": {"aspect": "tone", "kind": "text", "value": None}},
            id="text withdrawn",
        ),
        pytest.param(
            "UpdateMessage",
            {"feedback": {"aspect": "did", "value": {"kind": "signal", "name": "copied"}}},
            id="signal",
        ),
        pytest.param("CompareMessages", {"candidates": ["a", "b"], "ranking": [["a"]]}, id="comparison"),
        pytest.param("EndConversation", {}, id="end"),
        pytest.param("EraseConversation", {}, id="erasure"),
    ],
)
def test_little_is_enough_and_the_models_agree(kind: str, fields: dict[str, Any]) -> None:
    before = micros(datetime.now(UTC))
    record = record_of(minimal(kind, **fields))
    validate(record)
    decoded = ConversationEvent.from_record(
        Decoder("conversation_event").decode(_encode({"source": "gateway", **record}))
    )
    assert type(decoded.body).__name__ == kind
    assert len(decoded.event_id) == 26
    assert before <= micros(decoded.occurred_at) <= micros(datetime.now(UTC))


def test_null_is_as_good_as_absent() -> None:
    sent = {**minimal("AddMessage", role="user", content="x", tags=None, parent_id=None), "producer": None}
    record = record_of(sent)
    assert "tags" not in record["body"][1]
    assert record["body"][1]["message_id"]
    assert "producer" not in record


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("1970-01-01T00:00:01Z", 1_000_000, id="utc"),
        pytest.param("1970-01-01T01:00:00.5+01:00", 500_000, id="with an offset"),
        pytest.param(1_790_000_000_000_000, 1_790_000_000_000_000, id="microseconds"),
        pytest.param(-5, -5, id="before 1970"),
    ],
)
def test_times_are_exact(at: Any, expected: int) -> None:
    record = record_of({**minimal("EndConversation", last_activity_at=at), "occurred_at": at})
    assert record["occurred_at"] == record["body"][1]["last_activity_at"] == expected


def test_a_time_of_an_old_log_that_nobody_can_hold_is_shown_and_not_taken_again() -> None:
    record = {**record_of(minimal("EndConversation")), "occurred_at": -(2**62)}
    document = document_of(record)
    assert document["occurred_at"] == -(2**62)
    with pytest.raises(InvalidEventError, match="years 1 to 9999"):
        record_of(document)


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        pytest.param(1_795_262_400, "seconds; .* are meant: 1795262400000000", id="seconds"),
        pytest.param(1_795_262_400_123, "milliseconds; .* are meant: 1795262400123000", id="milliseconds"),
        pytest.param(1_795_262_400_123_456_789, "nanoseconds; .*: 1795262400123456", id="nanoseconds"),
        pytest.param(1_795_262_400.5, "looks like seconds", id="seconds with a fraction"),
        pytest.param(2**63, "years 1 to 9999", id="more than 64 bits"),
        pytest.param(-(2**62), "years 1 to 9999", id="before the year 1"),
        pytest.param("0001-01-01T00:00:00+14:00", "years 1 to 9999", id="year 0 in UTC"),
        pytest.param("9999-12-31T23:59:59-12:00", "years 1 to 9999", id="year 10000 in UTC"),
        pytest.param(
            "+010000-01-01T00:00:00.000Z", "must be a time", id="year 10000 as JavaScript writes it"
        ),
        pytest.param("1795262400", "must be a time", id="digits as a text"),
        pytest.param(float("nan"), "must be a time", id="not a number"),
    ],
)
@pytest.mark.parametrize("field", ["occurred_at", "last_activity_at"])
def test_what_is_no_time_is_refused_with_what_was_meant(field: str, at: Any, problem: str) -> None:
    document = minimal("EndConversation")
    (document if field == "occurred_at" else document["body"])[field] = at
    with pytest.raises(InvalidEventError, match=f"{field} .*{problem}"):
        record_of(document)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        pytest.param(17, "the event must be an object", id="a number"),
        pytest.param([], "the event", id="a list"),
        pytest.param({}, "body must be an object", id="no body"),
        pytest.param({"body": {}}, "body.type", id="no type"),
        pytest.param({"body": {"type": ["AddMessage"]}}, "body.type", id="type as a list"),
        pytest.param({"body": {"type": "UpdateMessage"}}, "feedback must be an object", id="no feedback"),
        pytest.param(
            {"body": {"type": "UpdateMessage", "feedback": {"value": 1}}},
            "value must be an object",
            id="value as a number",
        ),
        pytest.param(
            {"body": {"type": "UpdateMessage", "feedback": {"value": {"kind": {}}}}},
            "value.kind",
            id="kind as an object",
        ),
        pytest.param(
            {"body": {"type": "UpdateMessage", "feedback": {**THUMB, "rater": "me"}}},
            "rater",
            id="rater as a string",
        ),
        pytest.param({"body": {"type": "CompareMessages", "rater": 1}}, "rater", id="rater as a number"),
        pytest.param(
            {**minimal("EndConversation"), "occurred_at": "2026-11-21T12:00:00"},
            "has no zone",
            id="time without a zone",
        ),
        pytest.param(
            {**minimal("EndConversation"), "occurred_at": "soon"}, "must be a time", id="time in words"
        ),
        pytest.param(
            {**minimal("EndConversation"), "occurred_at": True}, "must be a time", id="time as a boolean"
        ),
        pytest.param(
            {**minimal("EndConversation"), "occurred_at": 1.5}, "must be a time", id="time as a fraction"
        ),
        pytest.param(
            minimal("EndConversation", last_activity_at={}), "last_activity_at", id="time as an object"
        ),
    ],
)
def test_what_has_not_the_form_of_an_event_is_named(document: Any, named: str) -> None:
    with pytest.raises(InvalidEventError, match=named):
        record_of(document)
