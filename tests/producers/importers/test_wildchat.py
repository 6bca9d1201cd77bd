"""wildchat: turns with what was found out about them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.producers.importers.exports import AWKWARD, import_records, only, turns


def turn(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "role": role,
        "content": content,
        "language": "English",
        "toxic": False,
        "redacted": True,
        **fields,
    }


RECORD: dict[str, Any] = {
    "conversation_hash": "h1",
    "model": "gpt-4",
    "timestamp": "2023-04-09T00:10:00+00:00",
    "conversation": [
        turn("user", AWKWARD, hashed_ip="ip1", country="Norway", turn_identifier=101, timestamp=None),
        turn("assistant", "", toxic=True, timestamp="2023-04-09T00:02:53"),
    ],
    "turn": 1,
    "language": "English",
    "toxic": True,
    "redacted": True,
    "country": "Norway",
    "openai_moderation": [{"flagged": False}, {"flagged": True}],
    "detoxify_moderation": [{"toxicity": 0.2}],
    "header": {"user-agent": "x"},
}


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_turns_keep_what_was_found_out(tmp_path: Path, lines: bool) -> None:
    outcome = import_records(tmp_path, "wildchat", RECORD, lines=lines)
    chat = only(outcome)
    assert turns(chat) == [("user", AWKWARD), ("assistant", "")]
    question, answer = chat.messages.values()
    assert question.metadata == {
        "language": "English", "country": "Norway", "toxic": "false", "redacted": "true",
        "turn_identifier": "101", "openai_flagged": "false",
    }  # fmt: skip
    assert (answer.metadata["toxic"], answer.metadata["openai_flagged"]) == ("true", "true")
    assert chat.start.user_id == "ip1"
    assert chat.start.model is not None
    assert chat.start.model.id == "gpt-4"
    assert chat.start.tags == {
        "original_id": "h1", "language": "English", "country": "Norway", "toxic": "true", "redacted": "true",
        "turn": "1",
    }  # fmt: skip
    answered = next(event for event in chat.events if event.body is answer)
    assert answered.occurred_at == datetime(2023, 4, 9, 0, 2, 53, tzinfo=UTC)
    assert {"detoxify_moderation", "header"} <= set(outcome.report.fields)


def test_one_hash_may_be_several_chats(tmp_path: Path) -> None:
    other = RECORD | {"conversation": [turn("user", "else", hashed_ip="ip2")]}
    assert len(import_records(tmp_path, "wildchat", RECORD, other).chats) == 2


def test_the_user_may_stand_beside_the_turns(tmp_path: Path) -> None:
    assert only(import_records(tmp_path, "wildchat", RECORD | {"hashed_ip": "ip9"})).start.user_id == "ip9"


def test_lmsys_chats_have_an_id(tmp_path: Path) -> None:
    record = {"conversation_id": "c1", "model": "m", "conversation": [{"role": "user", "content": "q"}]}
    chat = only(import_records(tmp_path, "wildchat", record))
    assert chat.start.tags == {"original_id": "c1"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param({"conversation": {}}, "must be a list", id="no list"),
        pytest.param({"conversation": [3]}, "must be an object", id="a number as a turn"),
        pytest.param({"conversation": [turn("boss", "x")]}, "role must be one of", id="a strange role"),
        pytest.param({"conversation": [turn("user", None)]}, "has no content", id="a turn without content"),
        pytest.param(
            RECORD | {"timestamp": "soon", "conversation": []}, "must be a time", id="a strange time"
        ),
        pytest.param(["x"], "must be an object", id="a list"),
    ],
)
def test_bad_chats_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "wildchat", RECORD, record, RECORD | {"model": "other"})
    assert len(outcome.chats) == 2
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example
