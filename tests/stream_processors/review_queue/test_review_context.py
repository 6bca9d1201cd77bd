"""What is kept of a conversation for an item."""

from typing import Any

import orjson
import pytest
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_stream_processors.review_queue.context import context_of

from tests.stream_processors.builders import feedback, message, start
from tests.stream_processors.review_queue.builders import Log


def document(log: Log, kind: Any, message_id: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(
        context_of(log.state, ReviewTarget(kind, "c1", message_id), **options)
    )
    return found


def chat() -> Log:
    return Log(
        start(tools='[{"name": "look"}]'),
        message("q1", "user", at=1),
        message("a1", at=2, parent_id="q1"),
        message("a2", at=3, parent_id="q1"),
        message("q2", "user", at=4, parent_id="a2"),
        message("t1", "tool", at=5, parent_id="q2"),
        message("a3", at=6, parent_id="t1"),
        message("q9", "user", at=7, parent_id=""),
    )


@pytest.mark.parametrize(
    ("kind", "message_id", "ids"),
    [
        ("answer", "a3", ["q1", "a2", "q2", "t1", "a3"]),
        ("answer", "a1", ["q1", "a1", "a2"]),
        ("prompt", "q2", ["q1", "a2", "q2"]),
        ("answers", "q1", ["q1", "a1", "a2"]),
        ("conversation", "", ["q1", "a1", "a2", "q2", "t1", "a3", "q9"]),
    ],
    ids=["the path to the root", "siblings", "a prompt", "answers", "all of it"],
)
def test_the_messages_that_an_item_needs(kind: str, message_id: str, ids: list[str]) -> None:
    found = document(chat(), kind, message_id)
    assert [one["message_id"] for one in found["messages"]] == ids
    assert found["tools"] == '[{"name": "look"}]'
    assert "cut" not in found


def test_the_folds_own_fields_stay_out_and_scores_of_models_are_told() -> None:
    log = chat()
    scale = {"number": 0.5, "minimum": 0.0, "maximum": 1.0}
    log.add(feedback("a1", ("Number", scale), at=8, aspect="quality", rater={"id": "m", "kind": "model"}))
    log.add(feedback("a1", ("Thumb", {"like": True}), at=9))
    found = document(log, "answer", "a1")
    assert {"events", "series", "flags"}.isdisjoint(found["messages"][1])
    assert [one["feedback"]["rater"]["kind"] for one in found["feedback"]] == ["model"]


def test_long_texts_are_cut_in_the_middle() -> None:
    text = "begin" + "x" * 300_000 + "end"
    log = Log(start(), message("q1", "user", content=text), message("a1", at=2))
    found = context_of(log.state, ReviewTarget("answer", "c1", "a1"))
    assert len(found) <= 256 * 1024
    cut = orjson.loads(found)
    assert cut["cut"] is True
    assert cut["messages"][0]["cut"] is True
    assert cut["messages"][0]["content"].startswith("begin")
    assert cut["messages"][0]["content"].endswith("end")
    assert "cut" not in cut["messages"][1]


def test_a_conversation_of_too_many_messages_loses_the_oldest() -> None:
    log = Log(start(), *(message(f"m{number}", at=number) for number in range(1, 60)))
    found = document(log, "conversation", "", largest=5000)
    assert found["cut"] is True
    assert found["messages"][-1]["message_id"] == "m59"
    assert len(orjson.dumps(found)) <= 5000


def test_parents_that_name_each_other_have_no_root() -> None:
    log = Log(start(), message("a1", at=1, parent_id="a2"), message("a2", at=2, parent_id="a1"))
    assert len(document(log, "answer", "a1")["messages"]) == 2
