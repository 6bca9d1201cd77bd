"""openwebui: votes with snapshots of their chats, and chats with votes in their messages."""

from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Label, Number, Rater, Text, Thumb

from tests.producers.importers.exports import AWKWARD, import_records, only, ranking, turns, words
from tests.producers.importers.files import import_file
from tests.support.services import shared_data

MESSAGES: dict[str, dict[str, Any]] = {
    "q": {"id": "q", "parentId": None, "role": "user", "content": AWKWARD, "timestamp": 1_700_000_000},
    "a": {"id": "a", "parentId": "q", "role": "assistant", "content": "one", "model": "m-a", "done": True},
    "b": {"id": "b", "parentId": "q", "role": "assistant", "content": "two", "model": "m-b", "done": True},
}
USER = Rater(id="u")


def snapshot(messages: Any = MESSAGES, **fields: Any) -> dict[str, Any]:
    chat = {"history": {"messages": messages, "currentId": "a"}, **fields}
    return {"chat": {"id": "c", "user_id": "u", "title": "T", "chat": chat}}


def vote(message_id: str, rating: Any, **fields: Any) -> dict[str, Any]:
    meta = {"chat_id": "c", "message_id": message_id, "arena": False, **fields.pop("meta", {})}
    data = {"rating": rating, "reason": "", "comment": "", **fields.pop("data", {})}
    return {
        "id": f"f-{message_id}", "user_id": "u", "type": "rating", "data": data, "meta": meta,
        "snapshot": snapshot(), "created_at": 1_700_000_010, "updated_at": 1_700_000_020, **fields,
    }  # fmt: skip


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_votes_on_two_answers_are_one_conversation(tmp_path: Path, lines: bool) -> None:
    other = vote("a", 1, meta={"chat_id": "d"}, snapshot=snapshot())
    chats = import_records(tmp_path, "openwebui", vote("a", 1), other, vote("b", -1), lines=lines).chats
    assert len(chats) == 2
    assert turns(chats[0]) == [("user", AWKWARD), ("assistant", "one"), ("assistant", "two")]
    assert words(chats[0]) == [
        ("one", "satisfaction", Thumb(like=True), USER),
        ("two", "satisfaction", Thumb(like=False), USER),
    ]
    assert [body.feedback.id for body in chats[0].feedback] == ["f-a", "f-b"]
    assert chats[0].start.user_id == "u"
    assert chats[0].start.tags == {"original_id": "c", "title": "T"}


def test_a_vote_keeps_all_that_was_said(tmp_path: Path) -> None:
    data = {"reason": "thorough", "comment": " good ", "tags": ["x"], "details": {"rating": 9}}
    chat = only(import_records(tmp_path, "openwebui", vote("a", "1", data=data, meta={"tags": ["x", "y"]})))
    assert words(chat) == [
        ("one", "satisfaction", Number(number=9, minimum=1, maximum=10), USER),
        ("one", "satisfaction", Label(labels=["thorough", "x", "y"]), USER),
        ("one", "satisfaction", Thumb(like=True), USER),
    ]
    assert chat.feedback[2].feedback.comment == " good "
    assert [event.occurred_at.timestamp() for event in chat.events if event.body in chat.feedback] == [
        1_700_000_020
    ] * 3


def test_the_marks_of_a_snapshot_are_no_second_vote(tmp_path: Path) -> None:
    marked = {**MESSAGES, "b": MESSAGES["b"] | {"annotation": {"rating": -1}}}
    chat = only(import_records(tmp_path, "openwebui", vote("a", 1, snapshot=snapshot(marked))))
    assert words(chat) == [("one", "satisfaction", Thumb(like=True), USER)]


def test_words_without_a_thumb(tmp_path: Path) -> None:
    records = [vote("a", None, data={"comment": "hm"}), vote("b", 0)]
    chat = only(import_records(tmp_path, "openwebui", *records))
    assert words(chat) == [
        ("one", "satisfaction", Text(text="hm"), USER),
        ("two", "satisfaction", Label(labels=["neutral"]), USER),
    ]


@pytest.mark.parametrize(
    ("rating", "order"),
    [pytest.param(1, [["one"], ["two"]], id="won"), pytest.param(-1, [["two"], ["one"]], id="lost")],
)
def test_a_vote_in_the_arena_is_a_comparison_too(tmp_path: Path, rating: int, order: list[list[str]]) -> None:
    messages = {
        name: message | {"arena": name != "q", "selectedModelId": "real"}
        for name, message in MESSAGES.items()
    }
    record = vote("a", rating, meta={"arena": True}, snapshot=snapshot(messages))
    chat = only(import_records(tmp_path, "openwebui", record))
    (comparison,) = chat.comparisons
    assert ranking(chat, comparison) == order
    assert comparison.rater == USER
    assert (comparison.rubric or "").startswith("derived by the import: ")
    answer = chat.messages["a"]
    assert answer.metadata == {"arena": "true"}
    assert answer.model is not None
    assert answer.model.id == "real"


def test_the_latest_snapshot_holds_and_earlier_messages_stay(tmp_path: Path) -> None:
    fewer = {name: MESSAGES[name] for name in ("q", "a")}
    later = vote(
        "b",
        1,
        snapshot=snapshot({**MESSAGES, "a": MESSAGES["a"] | {"content": "edited"}}),
        updated_at=1_700_000_030,
    )
    chat = only(import_records(tmp_path, "openwebui", later, vote("a", 1, snapshot=snapshot(fewer))))
    assert [text for _, text in turns(chat)] == [AWKWARD, "edited", "two"]


def test_a_chat_export_has_votes_in_its_messages(tmp_path: Path) -> None:
    messages = {
        **MESSAGES,
        "a": MESSAGES["a"] | {"annotation": {"rating": 1, "tags": ["t"]}, "feedbackId": "f"},
    }
    messages["b"] = MESSAGES["b"] | {
        "done": False, "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "error": None,
        "files": [{"type": "image", "url": "/files/1"}, {"type": "image", "url": "data:image/png;base64,xx"}],
    }  # fmt: skip
    inner = {
        "history": {"messages": messages},
        "params": {"system": "Be kind.", "temperature": 0},
        "tags": ["t1"],
    }
    record = {"id": "c", "user_id": "u", "title": "T", "chat": inner, "created_at": 1_699_999_999}
    outcome = import_records(tmp_path, "openwebui", record, lines=False)
    chat = only(outcome)
    assert turns(chat)[0] == ("system", "Be kind.")
    assert chat.messages["q"].parent_id == "system"
    assert words(chat) == [
        ("one", "satisfaction", Label(labels=["t"]), Rater()),
        ("one", "satisfaction", Thumb(like=True), Rater()),
    ]
    answer = chat.messages["b"]
    assert (answer.status, [each.uri for each in answer.attachments]) == ("cut", ["/files/1"])
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (3, 4)
    assert chat.start.tags["tags"] == "t1"
    assert outcome.report.noted == 1  # the image within the record


def test_a_chat_whose_content_has_an_empty_id_keeps_what_its_row_says(tmp_path: Path) -> None:
    inner = {
        "id": "", "title": "T", "history": {"messages": MESSAGES, "currentId": "a"},
        "messages": [MESSAGES["q"], MESSAGES["a"]],
    }  # fmt: skip
    record = {
        "id": "c", "user_id": "u", "title": "T", "chat": inner, "created_at": 1_699_999_999,
        "meta": {"tags": ["t1"]}, "pinned": True,
    }  # fmt: skip
    outcome = import_records(tmp_path, "openwebui", record, lines=False)
    chat = only(outcome)
    assert chat.start.tags == {"original_id": "c", "title": "T", "tags": "t1"}
    assert chat.events[0].occurred_at.timestamp() == 1_699_999_999
    assert dict(outcome.report.fields) == {"pinned": (1, 1)}


def test_old_chats_have_a_list_and_errors_have_a_text(tmp_path: Path) -> None:
    failed = {"id": "a", "parentId": "q", "role": "assistant", "content": "", "error": {"content": "no GPU"}}
    record = {"id": "c", "user_id": "u", "chat": {"messages": [MESSAGES["q"], failed]}}
    chat = only(import_records(tmp_path, "openwebui", record))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "no GPU")]
    assert chat.messages["a"].status == "error"


def test_a_vote_without_a_snapshot_goes_to_the_chat_of_another_file(tmp_path: Path) -> None:
    chat = import_records(tmp_path, "openwebui", vote("a", 1))
    alone = import_records(tmp_path, "openwebui", vote("b", 1, snapshot=None))
    assert alone.events[0].conversation_id == chat.events[0].conversation_id
    assert [body.message_id for body in alone.chats[0].feedback] == ["b"]
    assert alone.summary.bodies["EndConversation"] == 0
    assert alone.report.noted == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(
            vote("b", 1, details={"rating": 11}), "details.rating must be", id="a rating off its scale"
        ),
        pytest.param(vote("b", 1, meta={"message_id": None}), "message_id must be", id="a vote on nothing"),
        pytest.param({"id": "x"}, "has no history", id="neither chat nor vote"),
        pytest.param(
            vote("a", 1, meta={"chat_id": None}, snapshot={}), "names no chat", id="a vote on no chat"
        ),
        pytest.param(vote("b", 5), "rating must be 1, 0 or -1", id="a strange rating of the same chat"),
        pytest.param(
            {"id": "d", "chat": {"messages": [MESSAGES["q"] | {"role": "boss"}]}},
            "role must be",
            id="a strange role",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "openwebui", vote("a", 1), record)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example


def test_the_shared_case() -> None:
    chat = only(import_file(shared_data("../cases/openwebui_feedback.json"), "openwebui"))
    assert chat.messages["m2"].parent_id == chat.messages["m3"].parent_id == "m1"
    thumbs = [(text, value) for text, _, value, _ in words(chat) if isinstance(value, Thumb)]
    assert thumbs == [("Hello", Thumb(like=True)), ("Yo", Thumb(like=False))]
    assert chat.comparisons == []  # the pair follows from the two thumbs
