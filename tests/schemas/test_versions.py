"""Old and new versions of the schemas: what older writers sent is read, and `held_ms` is written late."""

import json
import time
from typing import Any

import pytest
from plaudit_schemas.codec.catalog import SchemaName, packaged_id, parse, released, released_text
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.header import header_of
from plaudit_schemas.codec.held import event_id_of, with_held
from plaudit_schemas.codec.record_writer import compile_writer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.events import ConversationEvent, EndConversation
from plaudit_schemas.contract.limits import HELD_LIMIT
from plaudit_schemas.errors import EncodingError, UnknownBodyError
from plaudit_schemas.examples import examples

FIRST: dict[SchemaName, int] = {
    "conversation_event": 1_000_000_000,
    "finished_conversation": 1_000_000_001,
    "metric_snapshot": 1_000_000_002,
}

NEW = {
    "spans that a reviewer marked, sent after a wait",
    "the mean of several raters",
    "a message kept out of training",
    "a declined item",
    "a demonstration by a reviewer",
}
"""Examples that say what the first version cannot."""


def first_version(name: SchemaName, record: dict[str, Any]) -> bytes | None:
    """A record as the first version of its schema wrote it. None if that version could not."""
    text = released_text(FIRST[name])
    assert text is not None
    out = bytearray(header_of(FIRST[name]))
    try:
        compile_writer(parse(text, plain_longs=True))(record, out)
    except (EncodingError, KeyError, ValueError, StopIteration):
        return None
    return bytes(out)


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
@pytest.mark.parametrize("name", list(FIRST))
def test_what_the_first_version_wrote_is_read(name: SchemaName, *, sparse: bool) -> None:
    decoder, read = Decoder(name, sparse=sparse), 0
    for example in examples(name):
        old = first_version(name, example.record)
        if example.title not in NEW:
            assert old is not None
            assert decoder.decode(old) == Decoder(name, sparse=sparse).decode(example.payload), example.title
            read += 1
    assert read == len([example for example in examples(name) if example.title not in NEW])


def test_a_reader_of_the_first_version_refuses_only_new_bodies() -> None:
    """A reader that was not upgraded, and has the new schema from a registry."""

    class OldReader(Decoder):
        def __init__(self) -> None:
            super().__init__("conversation_event")
            text = released_text(FIRST["conversation_event"])
            assert text is not None
            self._reader = parse(text, plain_longs=True)
            self._canonical = ""

    outcomes = {}
    for example in examples("conversation_event"):
        try:
            OldReader().decode(example.payload)
            outcomes[example.title] = "read"
        except UnknownBodyError:
            outcomes[example.title] = "unknown_body"
    refused = {title for title, outcome in outcomes.items() if outcome == "unknown_body"}
    assert refused == {
        "spans that a reviewer marked, sent after a wait",
        "a message kept out of training",
        "a declined item",
    }


@pytest.mark.parametrize(
    ("waited_ms", "held_ms"),
    [
        pytest.param(0, 0, id="at once"),
        pytest.param(1, 1, id="a moment"),
        pytest.param(90_000, 90_000, id="an outage"),
        pytest.param(HELD_LIMIT - 1, HELD_LIMIT - 1, id="the longest"),
        pytest.param(HELD_LIMIT, HELD_LIMIT - 1, id="too long"),
        pytest.param(190 * 86_400_000, HELD_LIMIT - 1, id="far too long"),
        pytest.param(-3_600_000, 0, id="the clock went back"),
    ],
)
def test_held_ms_is_written_when_the_event_is_sent(
    waited_ms: int, held_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_ms = 1_790_000_000_123
    monkeypatch.setattr(time, "time_ns", lambda: made_ms * 1_000_000)
    event = ConversationEvent(application="a", conversation_id="c", body=EndConversation())
    payload = EventEncoder(reserve_held=True).encode(event.to_record())
    sent = with_held(payload, made_ms + waited_ms)
    assert Decoder("conversation_event").decode(sent) == {**event.to_record(), "held_ms": held_ms}
    assert event_id_of(sent) == event_id_of(payload) == event.event_id


def test_an_event_without_room_stays_as_it_is() -> None:
    record = ConversationEvent(application="a", conversation_id="c", body=EndConversation()).to_record()
    plain = EventEncoder().encode(record)
    counted = EventEncoder().encode({**record, "held_ms": 3})
    old = first_version("conversation_event", record)
    assert old is not None
    for payload in (plain, counted, old):
        assert with_held(payload, 70) == payload
        assert event_id_of(payload) == record["event_id"]


def test_every_version_is_packaged() -> None:
    newest = {name: released()[packaged_id(name)] for name in FIRST}
    assert newest == {name: f"{name}.2.avsc" for name in FIRST}
    assert json.loads(released_text(packaged_id("amendment")) or "")["name"] == "Amendment"
