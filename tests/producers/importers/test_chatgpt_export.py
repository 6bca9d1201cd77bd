"""chatgpt-export: the tree of a conversation, what its nodes hold, and the votes beside it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Label, Rater, Thumb

from tests.producers.importers.exports import AWKWARD, import_records, only, turns, words
from tests.producers.importers.files import import_file
from tests.support.services import shared_data


def node(name: str, parent: str | None, message: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": name, "parent": parent, "children": [], "message": message}


def said(role: str, text: str | None = None, **fields: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    return {"author": {"role": role}, "content": content, "metadata": {}, **fields}


def conversation(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"conversation_id": "c-1", "mapping": {each["id"]: each for each in nodes}, **fields}


def test_nodes_without_text_of_their_own_hold_the_tree_together(tmp_path: Path) -> None:
    record = conversation(
        node("root", None, None),
        node("s", "root", said("system", "")),
        node("q", "s", said("user", AWKWARD)),
        node("h", "q", said("assistant", "", metadata={"is_visually_hidden_from_conversation": True})),
        node("a", "h", said("assistant", "yes", weight=1.0)),
        title="T", create_time=1_700_000_000.25,
    )  # fmt: skip
    chat = only(import_records(tmp_path, "chatgpt-export", record, lines=False))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "yes")]
    assert {name: message.parent_id for name, message in chat.messages.items()} == {"q": "", "a": "q"}
    assert chat.start.tags == {"original_id": "c-1", "title": "T"}
    assert chat.events[0].occurred_at == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)


def test_regenerated_answers_and_edited_questions_are_siblings_in_time(tmp_path: Path) -> None:
    record = conversation(
        node("q", None, said("user", "q", create_time=10)),
        node("late", "q", said("assistant", "second", create_time=30)),
        node("early", "q", said("assistant", "first", create_time=20)),
        node("edited", None, said("user", "q, edited", create_time=40)),
        current_node="early",
    )
    chat = only(import_records(tmp_path, "chatgpt-export", record))
    assert [text for _, text in turns(chat)] == ["q", "first", "second", "q, edited"]
    assert chat.messages["late"].parent_id == chat.messages["early"].parent_id == "q"
    assert chat.messages["edited"].parent_id == ""
    assert chat.messages["early"].metadata == {"current_node": "true"}
    assert not chat.feedback
    assert not chat.comparisons


def test_tools_thoughts_and_instructions(tmp_path: Path) -> None:
    instructions = {"user_context_message_data": {"about_user_message": "I", "about_model_message": "you"}}
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "hm"}]}
    record = conversation(
        node("i", None, said("system", "", metadata=instructions)),
        node("q", "i", said("user", "plot")),
        node("t", "q", said("assistant", content=thoughts)),
        node("c", "t", said(
            "assistant", recipient="python", content={"content_type": "code", "text": "1+1"},
        )),
        node("r", "c", {
            "author": {"role": "tool", "name": "python"}, "metadata": {},
            "content": {"content_type": "execution_output", "text": "2"},
        }),
        node("a", "r", said(
            "assistant", "It is 2.", status="finished_partial_completion", weight=0,
            metadata={"model_slug": "o3", "finish_details": {"type": "max_tokens"}},
        )),
    )  # fmt: skip
    chat = only(import_records(tmp_path, "chatgpt-export", record))
    assert turns(chat) == [
        ("system", "I\nyou"), ("user", "plot"), ("assistant", ""), ("tool", "2"), ("assistant", "It is 2."),
    ]  # fmt: skip
    call, result, answer = list(chat.messages.values())[2:]
    assert [(each.name, each.arguments) for each in call.tool_calls] == [("python", "1+1")]
    assert call.reasoning == "hm"
    assert call.parent_id == "q"
    assert result.tool_call_id == call.tool_calls[0].id
    assert result.metadata == {"content_type": "execution_output", "name": "python"}
    assert (answer.status, answer.finish_reason, answer.metadata) == ("cut", "max_tokens", {"weight": "0"})
    assert answer.model is not None
    assert (answer.model.id, answer.reasoning) == ("o3", None)


def test_images_files_and_what_was_said_aloud(tmp_path: Path) -> None:
    parts = [
        {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1"},
        {"content_type": "audio_transcription", "text": "aloud"},
        {"content_type": "real_time_user_audio_video_asset_pointer",
         "audio_asset_pointer": {"asset_pointer": "sediment://file_2"}},
        " and typed",
    ]  # fmt: skip
    files = [{"id": "file_1", "mimeType": "image/png"}, {"id": "file_3", "mime_type": "text/csv"}]
    content = {"content_type": "multimodal_text", "parts": parts}
    record = conversation(node("q", None, said("user", content=content, metadata={"attachments": files})))
    chat = only(import_records(tmp_path, "chatgpt-export", record))
    assert turns(chat) == [("user", "aloud and typed")]
    assert [(each.uri, each.media_type) for each in chat.messages["q"].attachments] == [
        ("sediment://file_1", "image/png"),
        ("sediment://file_2", None),
        ("file-service://file_3", "text/csv"),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(
            {"content_type": "tether_quote", "title": "T", "url": "u", "text": "x"}, "T\nu\nx", id="a quote"
        ),
        pytest.param({"content_type": "system_error", "name": "E", "text": "x"}, "E\nx", id="an error"),
        pytest.param({"content_type": "text", "parts": ["a", None, "b"]}, "ab", id="several parts"),
        pytest.param({"content_type": "new in 2027", "text": "x"}, "x", id="an unknown type with a text"),
    ],
)
def test_every_content_has_its_text(tmp_path: Path, content: Any, text: str) -> None:
    chat = only(
        import_records(
            tmp_path, "chatgpt-export", conversation(node("q", None, said("tool", content=content)))
        )
    )
    assert turns(chat) == [("tool", text)]


def test_votes_lie_beside(tmp_path: Path) -> None:
    vote = {"id": "a", "conversation_id": "c-1", "user_id": "u", "create_time": "2024-01-02T03:04:05"}
    votes = [
        vote | {"rating": "thumbs_down", "content": '{"text": "no", "tags": ["false"]}'},
        vote | {"rating": "thumbsUp", "content": None, "user_id": "v"},
        vote | {"conversation_id": "c-2", "rating": "thumbsUp"},
        vote | {"rating": "so so"},
        3,
    ]
    (tmp_path / "message_feedback.json").write_text(json.dumps(votes))
    record = conversation(node("q", None, said("user", "q")), node("a", "q", said("assistant", "yes")))
    outcome = import_records(tmp_path, "chatgpt-export", {"conversations": [record]})
    (chat,) = outcome.chats
    u, v = Rater(id="u"), Rater(id="v")
    assert words(chat) == [
        ("yes", "satisfaction", Thumb(like=False), u),
        ("yes", "satisfaction", Label(labels=["false"]), u),
        ("yes", "satisfaction", Thumb(like=True), v),
    ]
    assert chat.feedback[0].feedback.comment == "no"
    assert [example.partition(": ")[2] for example in outcome.report.examples] == [
        "line 1 of message_feedback.json: lacks 'conversation_id'",
        "line 1 of message_feedback.json: there is no conversation c-2",
    ]
    assert outcome.report.noted == 1


def test_a_second_import_adds_nothing_and_a_new_branch_adds_itself(tmp_path: Path) -> None:
    nodes = [node("q", None, said("user", "q")), node("a", "q", said("assistant", "yes"))]
    first = import_records(tmp_path, "chatgpt-export", conversation(*nodes))
    grown = import_records(
        tmp_path, "chatgpt-export", conversation(*nodes, node("b", "q", said("assistant", "no")))
    )
    known = {event.event_id for event in first.events}
    new = [event.body for event in grown.events if event.event_id not in known]
    assert [type(body).__name__ for body in new] == ["AddMessage", "EndConversation"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param({"id": "x"}, "lacks 'mapping'", id="no mapping"),
        pytest.param(conversation(node("a", "a", said("user", "x"))), "own ancestor", id="a circle"),
        pytest.param(
            conversation(node("a", None, said("boss", "x"))), "author.role must be", id="a strange role"
        ),
        pytest.param(
            conversation(node("a", None, said("user", content={"content_type": "hologram"}))),
            "'hologram' has no text",
            id="an unknown content",
        ),
        pytest.param(
            conversation(node("a", None, said("user", content={"content_type": "text", "parts": []}))),
            "message a, of role user, has no content",
            id="no parts",
        ),
        pytest.param(
            conversation(node("a", None, {"author": {"role": "user"}, "content": None})),
            "message a, of role user, has no content",
            id="no content",
        ),
        pytest.param(
            conversation(node("a", None, said("user", "x", create_time="noon"))), "noon", id="a strange time"
        ),
    ],
)
def test_bad_conversations_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    good = conversation(node("q", None, said("user", "q")))
    outcome = import_records(tmp_path, "chatgpt-export", good, record)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example


def test_the_shared_case() -> None:
    chat = only(import_file(shared_data("../cases/chatgpt_export.json"), "chatgpt-export"))
    assert {name: message.parent_id for name, message in chat.messages.items()} == {
        "m2": "", "m3": "m2", "m4": "m2",
    }  # fmt: skip
    assert turns(chat) == [("user", "look"), ("assistant", "A"), ("assistant", "B")]
    assert [each.uri for each in chat.messages["m2"].attachments] == ["file-service://x"]
    assert not chat.feedback
    assert not chat.comparisons
