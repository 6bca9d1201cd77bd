"""Conversations, judgements and events in the form that the browser gets."""

from datetime import UTC, datetime
from typing import Any

import pytest
from plaudit_infra.conversations_page import conversation_view as views
from plaudit_infra.conversations_page.conversation_view import conversation_view, found_view
from plaudit_infra.conversations_page.deciding import target_in
from plaudit_infra.conversations_page.finished_document import document_of_row, excluded_of_row
from plaudit_infra.conversations_page.judgements import comparison_view, event_view, feedback_view, said_text
from plaudit_infra.page_requests import PageRefusal, number
from plaudit_schemas.review.publications import PublishedRubric
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_stream_processors.queries.log_history import LoggedEvent

from tests.consumers.live_root import Root, thumb, turn


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"like": True}, "liked", id="up"),
        pytest.param({"like": False}, "disliked", id="down"),
        pytest.param({"number": 4.0, "minimum": 1.0, "maximum": 5.0}, "4 on 1 to 5", id="a number"),
        pytest.param({"number": 0.25}, "0.25", id="a number without a scale"),
        pytest.param({"labels": ["a", "b"]}, "a, b", id="labels"),
        pytest.param({"text": "hm"}, "hm", id="a text"),
        pytest.param({"content": "better"}, "corrected it", id="a correction"),
        pytest.param({"name": "copied", "number": None}, "copied", id="a signal"),
        pytest.param(
            {"name": "dwell_seconds", "number": 2.5}, "dwell_seconds: 2.5", id="a signal with a number"
        ),
        pytest.param({"spans": [{}, {}]}, "2 spans", id="spans"),
        pytest.param({}, "", id="what a later release says"),
    ],
)
def test_values_are_told(fields: dict[str, Any], told: str) -> None:
    assert said_text(fields) == told


def test_feedback_and_comparisons_say_who_and_what() -> None:
    feedback = {
        "rater": {"kind": "model", "id": "judge", "version": "2"},
        "aspect": "accuracy",
        "kind": "correction",
        "value": ["plaudit.v1.Correction", {"content": "better"}],
        "rubric": "quality",
        "rubric_version": "3",
    }
    told = feedback_view({"message_id": "a", "feedback": feedback})
    assert (told["who"], told["correction"], told["rubric"]) == ("model judge@2", "better", "quality 3")
    withdrawn = feedback_view({"message_id": None, "feedback": {"rater": None, "aspect": "x", "rubric": "r"}})
    assert (withdrawn["who"], withdrawn["said"], withdrawn["rubric"]) == ("somebody", "withdrew it", "r")
    ranked = comparison_view(
        {"rater": {"kind": "user"}, "ranking": [["a"], ["b", "c"]], "none_acceptable": True}
    )
    assert (ranked["who"], ranked["ranking"], ranked["none_acceptable"]) == (
        "user",
        [["a"], ["b", "c"]],
        True,
    )


@pytest.mark.parametrize(
    ("body", "fields", "told"),
    [
        pytest.param("StartConversation", {}, "the conversation started", id="start"),
        pytest.param("UpdateConversation", {}, "facts of the conversation changed", id="update"),
        pytest.param("AddMessage", {"role": "user"}, "user message", id="message"),
        pytest.param(
            "UpdateMessage",
            {"feedback": {"rater": {"kind": "user"}, "aspect": "tone", "value": ("x", {"like": True})}},
            "user: tone liked",
            id="feedback",
        ),
        pytest.param(
            "UpdateMessage",
            {"feedback": {"aspect": "tone"}},
            "somebody: tone withdrew feedback",
            id="withdrawal",
        ),
        pytest.param(
            "CompareMessages", {"rater": {"kind": "user", "id": "u"}}, "user u compared answers", id="rank"
        ),
        pytest.param("EndConversation", {"reason": "idle"}, "the conversation ended (idle)", id="end"),
        pytest.param("EraseConversation", {}, "the conversation was erased", id="erasure"),
        pytest.param("ExcludeFromTraining", {}, "conversation kept out of training", id="exclusion"),
        pytest.param(
            "ExcludeFromTraining",
            {"message_id": "a", "excluded": False},
            "message let into training again",
            id="let in",
        ),
        pytest.param(
            "DeclineReview", {"rater": {"kind": "reviewer"}}, "reviewer declined to review", id="decline"
        ),
        pytest.param("Later", {}, "Later", id="a later release"),
    ],
)
def test_events_are_told(body: str, fields: dict[str, Any], told: str) -> None:
    assert event_view(LoggedEvent(3, 5, "e", "sdk", body, fields))["told"] == told


def test_an_event_that_cannot_be_read_is_one() -> None:
    told = event_view(LoggedEvent(3, 5, "", "", "", {}, "truncated: the bytes end"))
    assert (told["body"], told["refused"]) == ("unreadable", "truncated: the bytes end")


def test_a_row_of_a_file_looks_as_a_live_conversation(tmp_path: Any) -> None:
    row = Root(tmp_path).add(
        "c",
        user="u1",
        messages=[
            turn(
                "q",
                "user",
                metadata=[{"key": "k", "value": "v"}],
                occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            turn("a", parent="q", excluded=True, author={"kind": "reviewer", "id": "ana"}, reasoning="*hm*"),
        ],
        feedback=[thumb("a", False, kind="thumb"), thumb("a", None, kind="correction", correction="better")],
        tags=[{"key": "topic", "value": "sky"}],
        excluded=True,
    )
    shown = conversation_view(document_of_row(row), source="finished", excluded=excluded_of_row(row))
    assert ["tags", "topic=sky"] in [list(fact) for fact in shown["facts"]]
    question, answer = shown["messages"]
    assert (question["at_ms"], list(question["facts"])) == (1_767_225_600_000, [("metadata", "k=v")])
    assert (answer["author"], answer["excluded"], shown["excluded"]) == ("reviewer ana", True, True)
    assert answer["reasoning_html"].strip() == "<p><em>hm</em></p>"
    assert [each["said"] for each in shown["feedback"]] == ["disliked", "corrected it"]
    assert shown["feedback"][1]["correction"] == "better"
    line = found_view(document_of_row(row), 5, "finished")
    assert (line["first"], line["low"], line["feedback"], line["models"]) == ("text of q", 1, 2, ["m 1"])


def test_texts_beyond_all_bounds_are_left_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_CHARACTERS", 25)
    messages = [{"message_id": str(at), "role": "user", "content": "x" * 20} for at in range(3)]
    shown = conversation_view({"conversation_id": "c", "messages": messages}, source="live")
    assert [(len(each["text"]), each["more"]) for each in shown["messages"]] == [(20, 0), (5, 15), (0, 20)]
    thought = [{**each, "content": "", "reasoning": "y" * 20} for each in messages]
    shown = conversation_view({"conversation_id": "c", "messages": thought}, source="live")
    assert [(each["reasoning_html"] or "").count("y") for each in shown["messages"]] == [20, 5, 0]


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "11", "0" * 30, "9" * 5000, "²"],
    ids=["nothing", "a letter", "negative", "too large", "many zeros", "too long for int", "not ASCII"],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    assert number("row", "10", 10) == 10
    with pytest.raises(PageRefusal, match="row must be a number from 0 to 10"):
        number("row", text, 10)


def _published(target: str) -> PublishedRubric:
    kind = {"answers": "ranking", "topic": "prompt"}.get(target, "thumb")
    document = {
        "name": "r", "version": "1", "application": "shop", "title": "r", "target": target,
        "questions": [{"name": "q", "kind": kind, "title": "q"}],
    }  # fmt: skip
    return PublishedRubric(Rubric.model_validate(document), "p", 0)


DOCUMENT = {
    "conversation_id": "c",
    "messages": [
        {"message_id": "q", "role": "user"},
        {"message_id": "a", "role": "assistant", "parent_id": "q"},
        {"message_id": "o", "role": "assistant"},
    ],
}


@pytest.mark.parametrize(
    ("target", "message", "sent"),
    [
        pytest.param("answer", "a", "a", id="an answer"),
        pytest.param("prompt", "q", "q", id="a prompt"),
        pytest.param("prompt", "a", "q", id="the prompt of an answer"),
        pytest.param("answers", "a", "q", id="the siblings of an answer"),
        pytest.param("answers", "o", "", id="answers at the start"),
        pytest.param("conversation", "a", "", id="the conversation of an answer"),
    ],
)
def test_what_a_message_stands_for(target: Any, message: str, sent: str) -> None:
    assert target_in(DOCUMENT, _published(target), message) == ReviewTarget(target, "c", sent)


@pytest.mark.parametrize(
    ("target", "message", "problem"),
    [
        pytest.param("answer", "q", "about answers", id="a prompt is no answer"),
        pytest.param("answer", "", "about one answer", id="no message"),
        pytest.param("answers", "", "several answers", id="no prompt"),
        pytest.param("prompt", "o", "has no prompt", id="an answer at the start"),
        pytest.param("answer", "z", "no such message", id="another message"),
    ],
)
def test_what_cannot_be_sent_is_said(target: str, message: str, problem: str) -> None:
    with pytest.raises(PageRefusal, match=problem):
        target_in(DOCUMENT, _published(target), message)
