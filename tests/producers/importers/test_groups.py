"""Several records that share one chat."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import (
    BadRecord,
    Batch,
    Chat,
    Format,
    ImportOptions,
    Member,
    Place,
    Source,
    build_chats,
    group_records,
    scan_lines,
)
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import replay_file
from plaudit_producers.testing import InMemoryProducer


def members(*values: Any) -> list[Member | BadRecord]:
    places = (Place(number, number) for number in range(1, len(values) + 1))
    return [
        BadRecord(place, value) if isinstance(value, str) else Member(place, b"", value)
        for place, value in zip(places, values, strict=True)
    ]


def grouped(*values: Any, adjacent: bool = True) -> list[Any]:
    """The groups of records with the same `chat`, and the reasons of those that are bad."""
    found = group_records(members(*values), lambda value: value["chat"], adjacent=adjacent)
    return [one.reason if isinstance(one, BadRecord) else (one.place.line, one.value) for one in found]


A1, A2, B = {"chat": "a", "n": 1}, {"chat": "a", "n": 2}, {"chat": "b"}
NONE: dict[str, Any] = {"chat": None}
LIST: dict[str, Any] = {"chat": []}
NUMBER = 3


@pytest.mark.parametrize(
    ("values", "adjacent", "expected"),
    [
        pytest.param([], True, [], id="nothing"),
        pytest.param([A1, A2, B], True, [(1, [A1, A2]), (3, [B])], id="neighbours"),
        pytest.param([A1, B, A2], True, [(1, [A1]), (2, [B]), (3, [A2])], id="neighbours alone"),
        pytest.param([A1, B, A2], False, [(1, [A1, A2]), (2, [B])], id="anywhere"),
        pytest.param([NONE, NONE], False, [(1, [NONE]), (2, [NONE])], id="without a key"),
        pytest.param([LIST, LIST], False, [(1, [LIST]), (2, [LIST])], id="a key that is no key"),
        pytest.param([NUMBER, A1], True, [(1, [NUMBER]), (2, [A1])], id="a record of another kind"),
        pytest.param([A1, "bad", A2], False, ["bad", (1, [A1, A2])], id="a bad record"),
    ],
)
def test_groups(values: list[Any], adjacent: bool, expected: list[Any]) -> None:
    assert grouped(*values, adjacent=adjacent) == expected


def build(chat: Chat, records: list[Any]) -> None:
    chat.identify(records[0]["chat"])
    answer = chat.add_message("assistant", "a")
    for record in records:
        chat.rate(answer, record["stars"], rater={"id": record["by"]})
    chat.end()


def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    groups = group_records(scan_lines(source), lambda record: record.peek("chat"), adjacent=False)
    return build_chats("votes", build, groups, options)


def test_votes_on_one_chat_are_one_conversation(tmp_path: Path) -> None:
    path = tmp_path / "votes"
    votes = [
        {"chat": "x", "by": "r1", "stars": 5, "note": "!"},
        {"chat": "y", "by": "r1", "stars": 1},
        {"chat": "x", "by": "r2", "stars": 4, "note": "?"},
        {"chat": "z"},
    ]
    path.write_text("\n".join(map(json.dumps, votes)))
    producer, report = InMemoryProducer(), ImportReport(None)
    summary = replay_file(path, Format("votes", "", read), producer, report=report)
    assert (summary.records, report.bad) == (2, 1)
    assert summary.bodies == {
        "StartConversation": 2,
        "AddMessage": 2,
        "UpdateMessage": 3,
        "EndConversation": 2,
    }
    assert report.fields["note"] == (2, 1)
    assert report.examples == ["line 4: lacks 'stars'"]


@pytest.mark.parametrize("name", ["chat", "by"])
def test_a_named_field_identifies_a_group_by_its_first_record(tmp_path: Path, name: str) -> None:
    path = tmp_path / "votes"
    path.write_text(json.dumps({"chat": "x", "by": "r1", "stars": 5}))
    producer = InMemoryProducer()
    options = ImportOptions(id_field=name)
    replay_file(path, Format("votes", "", read), producer, options=options)
    own = InMemoryProducer()
    replay_file(path, Format("votes", "", read), own)
    assert producer.events[0].conversation_id != own.events[0].conversation_id
