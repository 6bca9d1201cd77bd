"""What is shown of an item, what models suggest, and what a task carries of ours."""

from typing import Any

import pytest
from plaudit_producers.interchange.carried import carried_document, free_name, read_carried, tie_name
from plaudit_producers.interchange.documents import FileConversations
from plaudit_producers.interchange.review_tasks import NOTHING_BEFORE, targets_in, task_of, tasks_in
from plaudit_schemas.contract.names import ADD_MESSAGE, ERASE_CONVERSATION, START_CONVERSATION, UPDATE_MESSAGE
from plaudit_schemas.review.targets import ReviewTarget, item_id

from tests.producers.interchange.rubrics import (
    ANSWER,
    ANSWERS,
    RANKING,
    document,
    labels,
    message,
    number,
    question,
    rubric,
    score,
    task,
    thumb,
)


@pytest.mark.parametrize(
    ("target", "chat", "answers"),
    [
        (ANSWER, ["Where is my parcel?"], ["answer 1"]),
        (ReviewTarget("prompt", "c1", "q2"), ["Where is my parcel?", "answer 1", "And now?"], []),
        (
            ReviewTarget("conversation", "c1", ""),
            ["Where is my parcel?", "answer 1", "answer 2", "And now?"],
            [],
        ),
    ],
    ids=["an answer", "a prompt", "a conversation"],
)
def test_what_is_shown(target: ReviewTarget, chat: list[str], answers: list[str]) -> None:
    made = task(target)
    assert [shown.text for shown in made.chat] == chat
    assert list(made.answers) == answers


def test_answers_stand_in_an_order_that_the_file_does_not_decide() -> None:
    shown = [task(ANSWERS, answers=count) for count in (2, 3, 8)]
    assert [len(each.answers) for each in shown] == [2, 3, 8]
    order = shown[-1].carried.address.candidates
    assert sorted(order) == [f"a{each}" for each in range(1, 9)]
    assert order == task(ANSWERS, answers=8).carried.address.candidates
    assert list(order) != sorted(order)
    assert [f"answer {name[1:]}" for name in order] == list(shown[-1].answers)


def test_an_answer_without_a_prompt_says_so() -> None:
    lone = document()
    lone["messages"] = [message("a1", "assistant", "hello", "")]
    made = task_of(rubric(), lone, ANSWER)
    assert made is not None
    assert [shown.text for shown in made.chat] == [NOTHING_BEFORE]


@pytest.mark.parametrize(
    ("target", "changed"),
    [
        (ANSWER, {"erased": True}),
        (ReviewTarget("answer", "c1", "gone"), {}),
        (ReviewTarget("answers", "c1", "q2"), {}),
        (ReviewTarget("topic", "", "cooking#1"), {}),
    ],
    ids=["erased", "without the message", "without two answers", "a topic"],
)
def test_what_has_no_task(target: ReviewTarget, changed: dict[str, Any]) -> None:
    assert task_of(rubric("answers"), document(**changed), target) is None


def test_the_targets_of_a_conversation() -> None:
    found = targets_in(rubric("answers"), document())
    assert found == [ANSWERS]
    assert [each.carried.address.target for each in tasks_in(rubric("answer"), document())] == [
        ANSWER,
        ANSWER._replace(message_id="a2"),
    ]


def test_scores_are_suggestions_in_the_questions_terms() -> None:
    said = (
        score("a1", number(0.8), "stars"),
        score("a1", number(0.9), "good"),
        score("a1", labels("rude"), "tone", "label"),
        score("a1", labels("wrong", "unknown"), "faults", "label"),
        score("a1", number(0.8), "quality"),
        score("a2", number(0.1), "stars"),
    )
    (found,) = task(ANSWER, *said).suggestions
    assert (found.model, found.version, found.share) == ("scorer", "2", 0.8)
    assert found.answers == {"stars": 4, "good": True, "tone": "rude", "faults": ["wrong"]}


@pytest.mark.parametrize(
    ("shares", "groups"),
    [((0.2, 0.9), [["a2"], ["a1"]]), ((0.5, 0.5), [["a1", "a2"]]), ((0.5, None), None)],
    ids=["one is better", "a tie", "one has no score"],
)
def test_scores_rank_answers(shares: tuple[float | None, ...], groups: list[list[str]] | None) -> None:
    said = [score(f"a{n}", number(each), "quality") for n, each in enumerate(shares, 1) if each is not None]
    found = task(ANSWERS, *said).suggestions
    ranked = [sorted(group) for group in found[0].answers["best"]["groups"]] if found else None
    assert ranked == groups


@pytest.mark.parametrize(
    "said",
    [
        score("a1", thumb(True), "other", "thumb"),
        score("a1", number(0.5), "good"),
        score("a1", labels("kind", "rude"), "tone", "label"),
        score("a1", ("x", {"text": "hm"}), "why", "text"),
        score("a1", ("x", {"number": 1.0, "minimum": 1.0, "maximum": 1.0}), "stars"),
    ],
    ids=["another aspect", "neither good nor bad", "two labels for one", "a text", "a scale without length"],
)
def test_what_suggests_nothing(said: dict[str, Any]) -> None:
    made = task(ANSWER, said)
    assert made.suggestions == ()
    assert not made.carried.suggested


def test_a_rubric_may_hide_suggestions() -> None:
    said = score("a1", number(0.8), "stars")
    assert task(ANSWER, said, show_suggestions=False).suggestions == ()
    shown = task(ANSWER, said)
    assert shown.carried.suggested
    hidden = task_of(rubric(), document(said), ANSWER, suggest=False)
    assert hidden is not None
    assert hidden.suggestions == ()


@pytest.mark.parametrize("target", [ANSWER, ANSWERS], ids=["an answer", "answers"])
def test_what_is_carried_comes_back(target: ReviewTarget) -> None:
    controls = {"items": [{"conversation": "c1", "message": "a1", "expected": {"good": True}}]}
    given: Any = {"controls": controls, "guidelines": "secret"} if target is ANSWER else {}
    made = task(target, **given)
    carried = carried_document(made.carried)
    assert read_carried(carried) == made.carried
    assert made.carried.address.id == item_id("shop", "quality", target)
    assert "expected" not in str(carried)
    assert "secret" not in str(carried)


@pytest.mark.parametrize(
    ("document_", "why"),
    [
        (None, "only tasks that `plaudit review tasks` wrote"),
        ({}, "lacks 'rubric'"),
        ({"rubric": {"name": "x"}, "target": {}}, "was changed: version: Field required"),
        ({"rubric": carried_document(task(ANSWER).carried)["rubric"], "target": {"x": 1}}, "was changed"),
    ],
    ids=["nothing", "an empty one", "half a rubric", "another target"],
)
def test_what_was_changed_is_refused(document_: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_carried(document_)


def test_a_control_never_has_the_name_of_a_question() -> None:
    taken = rubric("answers", RANKING, question("best__tie", "thumb", about="prompt"))
    assert tie_name(taken, "best") == "best__tie_"
    assert free_name(taken, "best") == "best_"


def record(name: str, body: dict[str, Any], conversation: str = "c1") -> dict[str, Any]:
    return {"application": "shop", "conversation_id": conversation, "body": (name, body)}


def test_the_events_of_a_file_are_conversations() -> None:
    found = FileConversations()
    given = {"aspect": "quality", "kind": "number"}
    found.add(
        [
            record(START_CONVERSATION, {}),
            record(ADD_MESSAGE, {"message_id": "q", "role": "user", "content": "?", "parent_id": None}),
            record(
                ADD_MESSAGE, {"message_id": "a", "role": "assistant", "content": "cut", "status": "partial"}
            ),
            record(ADD_MESSAGE, {"message_id": "a", "role": "assistant", "content": "whole"}),
            record(UPDATE_MESSAGE, {"message_id": "a", "feedback": {**given, "value": number(0.1)}}),
            record(UPDATE_MESSAGE, {"message_id": "a", "feedback": {**given, "value": number(0.9)}}),
            record(ADD_MESSAGE, {"message_id": "x", "role": "user", "content": "secret"}, "c2"),
            record(ERASE_CONVERSATION, {}, "c2"),
        ]
    )
    first, second = found.documents.values()
    assert [(each["message_id"], each["parent_id"], each["content"]) for each in first["messages"]] == [
        ("q", "", "?"),
        ("a", "q", "whole"),
    ]
    assert [each["feedback"]["value"] for each in first["feedback"]] == [number(0.9)]
    assert (second["erased"], second["messages"]) == (True, [])
