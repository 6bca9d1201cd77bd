"""The encoder by shapes writes the very bytes of `wire.Encoder`."""

from itertools import islice, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.codec import event_encoder
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.record_writer import compile_writer
from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.errors import EncodingError
from plaudit_schemas.examples import examples

from tests.schemas.test_records import BODIES, RECORDS

OURS, GENERAL = EventEncoder(), Encoder("conversation_event")
ALL: list[Record] = [*RECORDS, *(example.record for example in examples("conversation_event"))]
NAMES = [*BODIES, *(example.title.partition(",")[0] for example in examples("conversation_event"))]


@pytest.mark.parametrize("record", ALL, ids=NAMES)
def test_the_bytes_are_the_same(record: Record) -> None:
    assert OURS.encode(record) == GENERAL.encode(record)


@given(record=st.sampled_from(ALL), data=st.data())
def test_the_bytes_are_the_same_whatever_is_left_out(record: Record, data: st.DataObject) -> None:
    name, body = record["body"]
    kept: dict[str, Any] = {}
    for field, value in body.items():
        needed = field in (
            "message_id",
            "content",
            "feedback",
            "comparison_id",
            "candidates",
            "ranking",
            "rater",
            "item_id",
        )
        if needed or data.draw(st.booleans()):
            kept[field] = value
    changed = {
        **record,
        "body": (name, kept),
        "occurred_at": data.draw(st.integers(-(1 << 63), (1 << 63) - 1)),
        "sequence": data.draw(st.none() | st.integers(0, (1 << 63) - 1)),
        "conversation_id": data.draw(st.text(min_size=1, max_size=128)),
    }
    assert OURS.encode(changed) == GENERAL.encode(changed)


def test_a_record_that_does_not_fit_is_told() -> None:
    record = {**RECORDS[0], "body": ("plaudit.v1.EndConversation", {"reason": "bored"})}
    with pytest.raises(EncodingError, match="bored"):
        OURS.encode(record)
    with pytest.raises(EncodingError, match="no body"):
        OURS.encode({**record, "body": ("plaudit.v1.Nonsense", {})})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is compiled from here on."""
    made: list[Any] = []

    def record(schema: Any) -> Any:
        made.append(schema)
        return compile_writer(schema)

    monkeypatch.setattr(event_encoder, "compile_writer", record)
    return made


def encoder_by_shape() -> EventEncoder:
    """An encoder that compiles shapes, even where the writers are machine code."""
    encoder = EventEncoder()
    encoder._write = encoder._write_by_shape
    return encoder


def with_body(body: dict[str, Any]) -> Record:
    return {**RECORDS[2], "body": (RECORDS[2]["body"][0], body)}


def test_the_order_of_the_fields_makes_no_new_shape(
    monkeypatch: pytest.MonkeyPatch, compiled: list[Any]
) -> None:
    monkeypatch.setattr(event_encoder, "_MAX_ORDERS", 10)
    encoder, fields = encoder_by_shape(), RECORDS[2]["body"][1]
    encoder.encode(RECORDS[2])
    before = len(compiled)
    for order in islice(permutations(fields), 2000):
        changed = with_body({name: fields[name] for name in order})
        assert encoder.encode(changed) == GENERAL.encode(changed)
    assert len(compiled) == before
    assert (len(encoder._shapes), len(encoder._orders)) == (1, 10)


def test_past_the_bound_of_shapes_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch, compiled: list[Any]
) -> None:
    monkeypatch.setattr(event_encoder, "_MAX_SHAPES", 3)
    encoder, fields = encoder_by_shape(), RECORDS[2]["body"][1]
    needed = {name: fields[name] for name in ("message_id", "content")}
    counts = []
    for name in fields:
        changed = with_body({**needed, name: fields[name]})
        assert encoder.encode(changed) == GENERAL.encode(changed)
        counts.append(len(compiled))
    assert counts[-1] == counts[5] > counts[0]
    assert len(encoder._shapes) == 3


def test_an_id_given_later_is_written_from_there_on() -> None:
    encoder = EventEncoder()
    before = encoder.encode(RECORDS[0])
    encoder.use_id(7)
    assert encoder.encode(RECORDS[0]) == b"\0\0\0\0\7" + before[5:]
