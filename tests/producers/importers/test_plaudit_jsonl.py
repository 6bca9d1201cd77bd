"""Our own events as JSON lines: out of a producer and in again, and what a document may leave out."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.destinations import EventFile, count_unsent, open_event_file
from plaudit_producers.importers import find_format
from plaudit_producers.importers.run import Pace, replay_file
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.wire import Decoder, Record
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.errors import InvalidEventError, SettingsError
from plaudit_schemas.examples import examples

from tests.producers.importers.exports import AWKWARD
from tests.producers.importers.files import import_file
from tests.support.services import shared_data

ORIGINAL = Pace(times="original")


def known() -> list[Record]:
    """Records of the packaged examples: every body and every kind of value."""
    decoder = Decoder("conversation_event")
    return [decoder.decode(example.payload) for example in examples("conversation_event")]


def lines_of(records: list[Record]) -> bytes:
    stream = io.BytesIO()
    destination = EventFile(stream)
    for record in records:
        destination.send_packed(destination.pack(record))
    assert count_unsent(destination) == 0
    return stream.getvalue()


def test_every_kind_of_event_comes_back(tmp_path: Path) -> None:
    records = [record for record in known() if record["source"] != "unknown"]
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines_of(records))
    outcome = import_file(path, "plaudit-jsonl")
    assert outcome.report.examples == []
    sent = {"source": "import", "held_ms": 0}
    expected = [ConversationEvent.from_record({**record, **sent}) for record in records]
    assert len(expected) > 10
    for found, event in zip(outcome.events, expected, strict=True):
        if getattr(event.body, "reason", "") == "idle":
            assert found.body.last_activity_at.year == 9999  # type: ignore[union-attr]  # an end
            assert found.model_copy(update={"body": event.body}) == event
        else:
            assert found == event
    assert outcome.summary.invented == 0


def test_an_import_through_a_file_of_events_is_the_import(tmp_path: Path) -> None:
    path = shared_data("topical_chat/test_freq.json")
    pace = Pace(limit=30, times="original")
    with open_event_file(str(tmp_path / "events.jsonl")) as destination:
        replay_file(path, find_format("topical-chat"), destination, pace=pace)
    direct = import_file(path, "topical-chat", pace=pace).producer.messages
    assert import_file(tmp_path / "events.jsonl", "plaudit-jsonl").producer.messages == direct


def test_what_a_document_leaves_out_follows_from_its_line(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = [
        {"type": "StartConversation"},
        {"type": "AddMessage", "role": "user", "content": AWKWARD},
        {"type": "UpdateMessage", "feedback": {"aspect": "a", "value": {"kind": "thumb", "like": True}}},
        {"type": "CompareMessages", "candidates": ["m1", "m2"], "ranking": [["m1"], ["m2"]]},
        {"type": "EndConversation"},
    ]
    path = tmp_path / "events.jsonl"
    lines = [json.dumps({"conversation_id": "c", "event_id": None, "body": body}) for body in bodies]
    path.write_text("\n".join(lines))
    first, second = (import_file(path, "plaudit-jsonl", consent="granted", tags={"a": "b"}) for _ in range(2))
    assert first.report.examples == []
    assert first.producer.messages == second.producer.messages
    assert first.summary.invented == 5
    (chat,) = first.chats
    assert {event.application for event in chat.events} == {"import"}
    assert (chat.start.consent, chat.start.tags) == ("granted", {"a": "b"})
    assert [message.content for message in chat.messages.values()] == [AWKWARD]


def line(text: str, **more: str) -> str:
    return json.dumps(
        {"conversation_id": "c", "body": {"type": "AddMessage", "role": "user", "content": text}, **more}
    )


def test_ids_follow_from_what_a_line_says(tmp_path: Path) -> None:
    def ids(*lines: str, again: str = "") -> list[tuple[str, str]]:
        path = tmp_path / "events.jsonl"
        path.write_text("\n".join(lines))
        events = import_file(path, "plaudit-jsonl", again=again).events
        return [(event.event_id, getattr(event.body, "message_id", "")) for event in events]

    one, two = ids(line("a"), line("b"))
    assert ids(line("new"), line("b"), line("a"))[1:] == [two, one]
    same = ids(line("a"), line("a"))
    assert same[0] == one
    assert len({event_id for event_id, _ in same}) == len({message_id for _, message_id in same}) == 2
    ((event_id, message_id),) = ids(line("a"), again="2")
    assert (event_id == one[0], message_id) == (False, one[1])


def test_one_event_id_with_two_contents_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([line("a", event_id="e"), line("a", event_id="e"), line("b", event_id="e")]))
    outcome = import_file(path, "plaudit-jsonl")
    assert outcome.report.examples == ["line 3: conflict: line 1 has the event id e, too, with other content"]
    assert outcome.summary.records == 2


def test_the_application_may_be_another(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines_of(known()[:3]))
    assert {event.application for event in import_file(path, "plaudit-jsonl").events} == {"acme"}
    copy = import_file(path, "plaudit-jsonl", application="copy")
    assert {event.application for event in copy.events} == {"copy"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("[]", "must be an object", id="a list"),
        pytest.param("{}", "body must be an object", id="no body"),
        pytest.param('{"body": {"type": "Dance"}}', "body.type must be one of", id="unknown body"),
        pytest.param('{"body": {"type": "UpdateMessage"}}', "feedback must be an object", id="no feedback"),
        pytest.param('{"body": {"type": "EndConversation"}}', "lacks conversation_id", id="no conversation"),
        pytest.param(
            '{"conversation_id": "c", "body": {"type": "EndConversation"}, "extra": 1}',
            "has no field extra",
            id="unknown field",
        ),
        pytest.param("nothing", "not valid JSON", id="no json"),
    ],
)
def test_bad_lines_say_why(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(line)
    outcome = import_file(path, "plaudit-jsonl")
    assert outcome.summary.records == 0
    assert reason in outcome.report.examples[0]


def test_a_bad_event_leaves_the_others_of_its_conversation(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = '{"conversation_id": "c", "body": {"type": "EndConversation"}}'
    path.write_text(f"{good}\n{good.replace('End', 'Mend')}\n{good}\n")
    outcome = import_file(path, "plaudit-jsonl")
    assert (len(outcome.events), outcome.report.bad) == (2, 1)


def test_a_file_takes_what_a_producer_takes(tmp_path: Path) -> None:
    start, destination = known()[0], EventFile(io.BytesIO())
    for wrong in ({**start, "application": "no spaces"}, {**start, "conversation_id": "\ud800"}):
        with pytest.raises(InvalidEventError):
            destination.pack(wrong)
        with pytest.raises(InvalidEventError):
            InMemoryProducer().pack(wrong)
    with (
        pytest.raises(SettingsError, match="cannot be written"),
        open_event_file(str(tmp_path / "no" / "file")),
    ):
        pass
