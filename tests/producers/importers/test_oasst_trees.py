"""oasst-trees: trees and flat messages, with ranks, labels, emojis and flags."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.events import ExcludeFromTraining
from plaudit_schemas.contract.feedback import Number, Rater

from tests.producers.importers.exports import AWKWARD, import_records, only, ranking, turns, words

OASST = Rater(id="oasst", kind="reviewer")


def message(
    name: str, parent: str | None, role: str, text: Any, *replies: Any, **fields: Any
) -> dict[str, Any]:
    return {
        "message_id": name, "parent_id": parent, "text": text, "role": role, "lang": "de", "deleted": False,
        "synthetic": False, "replies": list(replies), **fields,
    }  # fmt: skip


def tree(root: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": root, **fields}


def ranked() -> dict[str, Any]:
    answers = [
        message("x", "q", "assistant", "good", message("m", "x", "prompter", "more"), rank=0),
        message("y", "q", "assistant", "fair", rank=2),
        message("z", "q", "assistant", "also fair", rank=2),
        message("w", "q", "assistant", "unranked", rank=None),
    ]
    return message(
        "q", None, "prompter", AWKWARD, *answers, user_id="u1", created_date="2023-02-05T14:23:50.5+00:00"
    )


def flat(root: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    found = [{name: value for name, value in root.items() if name != "replies"} | fields]
    for reply in root["replies"]:
        found += flat(reply, **fields)
    return found


def test_a_tree_keeps_its_replies_and_its_ranking(tmp_path: Path) -> None:
    chat = only(import_records(tmp_path, "oasst-trees", tree(ranked())))
    assert sorted(turns(chat)) == sorted([
        ("user", AWKWARD), ("assistant", "good"), ("user", "more"), ("assistant", "fair"),
        ("assistant", "also fair"), ("assistant", "unranked"),
    ])  # fmt: skip
    assert {name: one.parent_id for name, one in chat.messages.items()} == {
        "q": "", "x": "q", "y": "q", "z": "q", "w": "q", "m": "x",
    }  # fmt: skip
    (comparison,) = chat.comparisons
    assert ranking(chat, comparison) == [["good"], ["fair", "also fair"]]
    assert (comparison.rater, comparison.aspect) == (OASST, "preference")
    assert chat.start.user_id == "u1"
    assert chat.start.tags == {"original_id": "t", "language": "de", "tree_state": "ready_for_export"}
    asked = next(event for event in chat.events if event.body is chat.messages["q"])
    assert asked.occurred_at == datetime(2023, 2, 5, 14, 23, 50, 500_000, tzinfo=UTC)
    assert chat.messages["x"].metadata == {
        "lang": "de",
        "synthetic": "false",
        "rank": "0",
        "deleted": "false",
    }


@pytest.mark.parametrize(
    "fields",
    [pytest.param({"message_tree_id": "t"}, id="naming their tree"), pytest.param({}, id="by their parents")],
)
def test_flat_messages_make_the_same_chat(tmp_path: Path, fields: dict[str, Any]) -> None:
    whole = only(import_records(tmp_path, "oasst-trees", tree(ranked()) | {"message_tree_id": "q"}))
    other = message("o", None, "prompter", "other")
    rows = [row for pair in zip(flat(ranked()), [other, *[None] * 5], strict=True) for row in pair if row]
    if fields:
        rows = [row | {"message_tree_id": "o" if row["message_id"] == "o" else "q"} for row in rows]
    outcome = import_records(tmp_path, "oasst-trees", *reversed(rows))
    assert outcome.report.examples == []
    chats = {chat.events[0].conversation_id: chat for chat in outcome.chats}
    assert len(chats) == 2
    same = chats[whole.events[0].conversation_id]
    assert same.messages == whole.messages
    assert [each.ranking for each in same.comparisons] == [each.ranking for each in whole.comparisons]


@pytest.mark.parametrize("columns", [False, True], ids=["as objects", "as columns"])
def test_labels_and_emojis_are_means_of_many(tmp_path: Path, columns: bool) -> None:
    labels: Any = {"quality": {"value": 0.75, "count": 3}, "spam": {"value": None, "count": 0}}
    emojis: Any = {"+1": 3, "-1": 1, "heart": 2}
    if columns:
        labels = {"name": ["quality", "spam"], "value": [0.75, None], "count": [3, 0]}
        emojis = {"name": ["+1", "-1", "heart"], "count": [3, 1, 2]}
    root = message(
        "q", None, "prompter", "q", message("a", "q", "assistant", "x", labels=labels, emojis=emojis)
    )
    chat = only(import_records(tmp_path, "oasst-trees", tree(root)))
    assert words(chat) == [
        ("x", "quality", Number(number=0.75, minimum=0, maximum=1, raters=3), OASST),
        ("x", "satisfaction", Number(number=0.75, minimum=0, maximum=1, raters=4), OASST),
    ]
    assert {"emoji_+1": "3", "emoji_heart": "2"}.items() <= chat.messages["a"].metadata.items()


def test_deleted_rejected_and_synthetic_messages(tmp_path: Path) -> None:
    root = message(
        "q", None, "prompter", "q",
        message("d", "q", "assistant", "gone", deleted=True),
        message("s", "q", "assistant", "spam", review_result=False, user_id="u2"),
        message("m", "q", "assistant", "made", synthetic=True, model_name="GPT"),
        user_id="u1",
    )  # fmt: skip
    chat = only(import_records(tmp_path, "oasst-trees", tree(root)))
    excluded = [event.body for event in chat.events if isinstance(event.body, ExcludeFromTraining)]
    assert [(body.message_id, body.rater) for body in excluded] == [("d", OASST), ("s", OASST)]
    assert chat.messages["s"].author == Rater(id="u2")
    assert chat.messages["q"].author is None
    made = chat.messages["m"]
    assert made.model is not None
    assert (made.model.id, made.metadata["synthetic"]) == ("GPT", "true")


def test_a_reply_to_a_message_that_is_missing_is_a_root(tmp_path: Path) -> None:
    outcome = import_records(
        tmp_path, "oasst-trees", message("a", "lost", "assistant", "x") | {"message_tree_id": "t"}
    )
    assert only(outcome).messages["a"].parent_id == ""
    assert outcome.report.noted == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(
            {"prompt": 3, "message_tree_id": "u"}, "prompt must be", id="a prompt that is no message"
        ),
        pytest.param({"x": 1}, "lacks 'message_id'", id="neither tree nor message"),
        pytest.param(
            tree(message("q", None, "boss", "x")) | {"message_tree_id": "u"},
            "role must be",
            id="a strange role",
        ),
        pytest.param(
            tree(message("q", None, "prompter", "x", message("q", "q", "assistant", "x")))
            | {"message_tree_id": "u"},
            "same message_id",
            id="an id that comes twice",
        ),
        pytest.param(
            tree(message("q", None, "prompter", None)) | {"message_tree_id": "u"}, "no content", id="no text"
        ),
    ],
)
def test_bad_trees_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "oasst-trees", tree(ranked()), record)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example
