"""What an item shows of a conversation."""

from typing import Any

from plaudit_producers.review.content import content_of, shuffled
from plaudit_schemas.review.rubric import TargetKind
from plaudit_schemas.review.targets import ReviewTarget


def _message(name: str, parent: str, role: str, **more: Any) -> dict[str, Any]:
    said = {"role": role, "content": name, "status": "complete"}
    return {"message_id": name, "parent_id": parent, **said, **more}


def _document(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{**each, "n": number} for number, each in enumerate(messages)], **more}


BRANCHED = _document(
    _message("q1", "", "user"),
    _message("a1", "q1", "assistant"),
    _message("a2", "q1", "assistant"),
    _message("q2", "a2", "user"),
    _message("a3", "q2", "assistant", status="partial"),
    _message("a4", "q2", "assistant"),
    _message("a5", "q2", "assistant"),
    tools="[]",
)


def _ids(messages: Any) -> list[str]:
    return [each["message_id"] for each in messages]


def _content(kind: TargetKind, message_id: str, document: dict[str, Any] | None = None) -> Any:
    return content_of(BRANCHED if document is None else document, ReviewTarget(kind, "c", message_id))


def test_an_answer_is_shown_below_its_own_branch() -> None:
    content = _content("answer", "a4")
    assert _ids(content.path) == ["q1", "a2", "q2"]
    assert content.answer["message_id"] == "a4"
    assert _ids(content.others) == ["a3", "a5"]
    assert content.siblings == {"q1": 0, "a2": 1, "q2": 0}
    assert content.prompt_id == "q2"
    assert content.tools == "[]"


def test_answers_to_compare_are_the_complete_ones() -> None:
    content = _content("answers", "q2")
    assert _ids(content.candidates) == ["a4", "a5"]
    assert _ids(content.path) == ["q1", "a2", "q2"]
    assert _content("answers", "a1") is None


def test_answers_without_a_prompt_can_be_compared() -> None:
    document = _document(_message("a1", "", "assistant"), _message("a2", "", "assistant"))
    assert _ids(_content("answers", "", document).candidates) == ["a1", "a2"]


def test_more_answers_than_can_be_ranked_are_shown_apart() -> None:
    document = _document(_message("q", "", "user"), *(_message(f"a{n}", "q", "assistant") for n in range(10)))
    content = _content("answers", "q", document)
    assert _ids(content.candidates) == [f"a{n}" for n in range(8)]
    assert _ids(content.others) == ["a8", "a9"]


def test_a_prompt_ends_its_path() -> None:
    assert _ids(_content("prompt", "q2").path) == ["q1", "a2", "q2"]


def test_a_conversation_shows_its_last_branch_and_the_rest_apart() -> None:
    content = _content("conversation", "")
    assert _ids(content.path) == ["q1", "a2", "q2", "a5"]
    assert _ids(content.others) == ["a1", "a3", "a4"]


def test_what_has_expired_shows_nothing() -> None:
    assert _content("answer", "gone") is None
    assert _content("prompt", "gone") is None
    assert _content("conversation", "", {}) is None


def test_a_topic_needs_no_conversation() -> None:
    assert _content("topic", "cooking#1", {}).path == []


def test_parents_in_a_circle_end() -> None:
    document = _document(_message("q", "a", "user"), _message("a", "q", "assistant"))
    assert _ids(_content("answer", "a", document).path) == ["q"]


def test_messages_come_in_the_order_of_the_log() -> None:
    document = {"messages": list(reversed(BRANCHED["messages"]))}
    assert _ids(_content("answers", "q2", document).candidates) == ["a4", "a5"]


def test_sides_are_shuffled_alike_for_the_same_item_and_reviewer() -> None:
    pair = [_message("a", "q", "assistant"), _message("b", "q", "assistant")]
    assert _ids(shuffled(pair, "ana", "item-1")) == _ids(shuffled(pair[::-1], "ana", "item-1"))
    left = [_ids(shuffled(pair, "ana", f"item-{number}"))[0] for number in range(400)]
    assert 150 < left.count("a") < 250
    other = [_ids(shuffled(pair, "ben", f"item-{number}"))[0] for number in range(400)]
    assert left != other
