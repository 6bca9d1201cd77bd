"""The SDK's encoder by shapes writes the very bytes of `codec.Encoder`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_producers._encode import EventEncoder
from plaudit_schemas.codec import Encoder, PackagedSchemas, Record
from plaudit_schemas.errors import EncodingError
from plaudit_schemas.examples import examples

from tests.producers.sdk.test_checks import RECORDS

OURS, GENERAL = EventEncoder(PackagedSchemas()), Encoder("conversation_event")
ALL: list[Record] = [*RECORDS, *(example.record for example in examples("conversation_event"))]


@pytest.mark.parametrize("record", ALL, ids=lambda record: record["body"][0])
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
