"""Answers become events that the contract takes, and are read back from the log as they were given."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.review.answer_checks import problem_of, tidied
from plaudit_schemas.review.answers import (
    AnswerEvent,
    ItemAddress,
    Said,
    bodies_of,
    withdrawals_of,
    written_conversation,
    written_message,
)
from plaudit_schemas.review.logged_answers import AnswerOrigin, answer_of, origin_of
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ADJUDICATION

from tests.support.rubrics import (
    CORRECTION,
    LABEL,
    QUESTIONS,
    RANKING,
    RATING,
    THUMB,
    address,
    answers_to,
    optional,
    rubric,
)

ENCODER = Encoder("conversation_event")
DECODERS = (Decoder("conversation_event"), Decoder("conversation_event", sparse=True))
SAID = Said("ada", "draft-1", suggestion_shown=False, comment="hm", confidence=0.5)


def _logged(event: AnswerEvent, *, sparse: bool) -> Any:
    """The body of an event as a reader of the log gets it. Checks the event on the way."""
    made = ConversationEvent.from_record(
        {
            "event_id": event.event_id,
            "application": "app",
            "conversation_id": event.conversation_id,
            "occurred_at": 1_790_000_000_000_000,
            "source": "review",
            "body": event.body,
        }
    )
    return DECODERS[sparse].decode(ENCODER.encode(made.to_record()))["body"]


@st.composite
def _answered(draw: st.DrawFn) -> tuple[Rubric, ItemAddress, dict[str, Any]]:
    made = optional(rubric(draw(st.sampled_from(sorted(QUESTIONS)))))
    candidates = tuple(f"m-{number}" for number in range(draw(st.integers(2, 8))))
    given_to = draw(
        st.lists(st.sampled_from(made.questions), min_size=1, unique_by=lambda question: question.name)
    )
    if made.target == "topic":
        given_to = list({each.name: each for each in (*given_to, made.questions[1])}.values())
    answers = {question.name: draw(answers_to(question, candidates)) for question in given_to}
    return made, address(made, *candidates, prompt=draw(st.sampled_from(("", "m-0")))), answers


@given(_answered(), st.booleans())
def test_what_is_answered_is_read_back(
    answered: tuple[Rubric, ItemAddress, dict[str, Any]], sparse: bool
) -> None:
    made, item, answers = answered
    assert problem_of(made, answers, item.candidates) is None
    bodies = [_logged(event, sparse=sparse) for event in bodies_of(made, item, answers, SAID)]
    found = [answer_of(made, body) for body in bodies]
    assert dict(each for each in found if each is not None) == tidied(made, answers)
    assert found.count(None) == (made.target == "topic")  # the start of the conversation
    origin = AnswerOrigin("quality", "1", item.id, "ada")
    kept = [origin_of(body) for body in bodies if answer_of(made, body) is not None]
    assert {each and each._replace(suggestion_shown=None) for each in kept} == {origin}


@given(_answered(), st.booleans())
def test_what_is_taken_back_is_read_as_nothing(
    answered: tuple[Rubric, ItemAddress, dict[str, Any]], sparse: bool
) -> None:
    made, item, answers = answered
    events = withdrawals_of(made, item, answers, SAID)
    bodies = [_logged(event, sparse=sparse) for event in events]
    excluded = [fields["message_id"] for name, fields in bodies if name.endswith("ExcludeFromTraining")]
    written = [each for each in made.questions if each.kind in ("prompt", "demonstration")]
    asked = [each for each in written if each.name in answers]
    assert excluded == [written_message(item, SAID, each) for each in asked]
    read = [answer_of(made, body) for body in bodies]
    assert {each for each in read if each is not None} == {
        (name, None) for name in answers if name not in {each.name for each in asked}
    }
    assert len(events) == len(answers)


@given(_answered())
def test_a_repeat_has_the_same_ids_and_another_submission_has_others(
    answered: tuple[Rubric, ItemAddress, dict[str, Any]],
) -> None:
    made, item, answers = answered
    events = bodies_of(made, item, answers, SAID)
    assert bodies_of(made, item, answers, SAID) == events
    ids = [event.event_id for event in events]
    others = bodies_of(made, item, answers, SAID._replace(submission="draft-2"))
    taken = withdrawals_of(made, item, answers, SAID)
    by_another = bodies_of(made, item, answers, SAID._replace(reviewer="bob"))
    assert len(set(ids)) == len(ids)
    start = {events[0].event_id} if made.target == "topic" else set()  # a conversation begins once
    assert set(ids) & {event.event_id for event in others} == start
    assert not set(ids) & {event.event_id for event in [*taken, *by_another]}


def test_the_places_of_answers() -> None:
    made = rubric()
    item = address(made, message="a", prompt="q")
    answers = {"fine": True, "clear": False, "useful": 2, "better": "so"}
    places = {
        event.body[1]["feedback"]["aspect"]: (event.conversation_id, event.body[1].get("message_id"))
        for event in bodies_of(optional(made), item, answers, SAID)
    }
    assert places == {"fine": ("c", "a"), "clear": ("c", "q"), "helpful": ("c", None), "better": ("c", "a")}


@pytest.mark.parametrize(
    ("ranking", "corrected"),
    [
        pytest.param({"groups": [["b"], ["a", "c"]]}, "b", id="the best"),
        pytest.param({"groups": [["c", "b"], ["a"]]}, "b", id="of a tie the first shown"),
        pytest.param({"groups": [], "none_acceptable": True}, "a", id="none acceptable: the first shown"),
    ],
)
def test_the_best_answer_is_corrected(ranking: dict[str, Any], corrected: str) -> None:
    made = rubric("answers", RANKING, CORRECTION)
    answers = {"best": ranking, "better": "thus"}
    compared, correction = bodies_of(made, address(made, "a", "b", "c"), answers, SAID)
    assert correction.body[1]["message_id"] == corrected
    assert compared.body[1]["candidates"] == ["a", "b", "c"]
    assert compared.body[1]["none_acceptable"] is ranking.get("none_acceptable", False)


def test_a_ranking_that_is_given_again_takes_the_place_of_the_first() -> None:
    made = rubric("answers", RANKING)
    item, answers = address(made, "a", "b"), {"best": {"groups": [["a"], ["b"]]}}
    first = bodies_of(made, item, answers, SAID)[0].body[1]
    second = bodies_of(made, item, answers, SAID._replace(submission="draft-2"))[0].body[1]
    taken = withdrawals_of(made, item, answers, SAID)[0].body[1]
    assert first["comparison_id"] == second["comparison_id"] == taken["comparison_id"]
    assert (taken["ranking"], taken["none_acceptable"]) == ([], False)


def test_the_comment_is_sent_once() -> None:
    events = bodies_of(rubric("answer", THUMB, RATING), address(rubric()), {"fine": True, "helpful": 4}, SAID)
    assert [event.body[1]["feedback"].get("comment") for event in events] == ["hm", None]
    assert [event.body[1]["feedback"]["confidence"] for event in events] == [0.5, 0.5]


def test_an_adjudication_has_an_item_and_ids_of_its_own() -> None:
    made = rubric("answer", THUMB)
    item = address(made)
    own = bodies_of(made, item, {"fine": True}, SAID)[0]
    settled = bodies_of(made, item, {"fine": True}, SAID._replace(adjudicates=True))[0]
    origin = origin_of(settled.body)
    assert origin is not None
    assert origin.item == ADJUDICATION + item.id.removeprefix("item-")
    assert own.event_id != settled.event_id


def test_a_prompt_begins_a_conversation_of_its_topic() -> None:
    made = rubric("topic")
    item = address(made)
    start, message, difficulty = bodies_of(made, item, {"message": "How?", "correct": "correct"}, SAID)
    conversation = written_conversation(item, "ada")
    assert {event.conversation_id for event in (start, message, difficulty)} == {conversation}
    assert start.body[1]["task"] == start.body[1]["tags"]["plaudit.topic"] == "cooking"
    assert start.body[1]["tags"]["plaudit.item"] == item.id
    assert message.body[1]["parent_id"] == ""
    assert message.body[1]["author"] == {"id": "ada", "kind": "reviewer"}
    assert message.body[1]["metadata"]["plaudit.comment"] == "hm"
    assert difficulty.body[1]["message_id"] == message.body[1]["message_id"]
    assert written_conversation(item, "bob") != conversation


def test_a_demonstration_answers_its_prompt() -> None:
    made = optional(rubric("prompt"))
    (event,) = bodies_of(made, address(made, message="q"), {"answer": "So."}, SAID)
    body = event.body[1]
    assert (event.conversation_id, body["role"], body["parent_id"]) == ("c", "assistant", "q")


@pytest.mark.parametrize(
    ("earlier", "answer"),
    [
        pytest.param({**RATING, "maximum": 9}, 2, id="another scale"),
        pytest.param({**LABEL, "labels": ["correct", "no"], "name": "helpful"}, "no", id="another kind"),
        pytest.param({**RATING, "aspect": "other"}, 2, id="another aspect"),
    ],
)
def test_an_answer_of_an_earlier_version_counts_only_if_the_question_is_the_same(
    earlier: dict[str, Any], answer: Any
) -> None:
    old = rubric("answer", earlier)
    (event,) = bodies_of(old, address(old), {"helpful": answer}, SAID)
    assert answer_of(rubric("answer", RATING), event.body) is None


def test_a_label_that_is_gone_is_no_answer() -> None:
    old = rubric("answer", {**LABEL, "labels": ["correct", "unclear"]})
    (event,) = bodies_of(old, address(old), {"correct": "unclear"}, SAID)
    assert answer_of(rubric("answer", LABEL), event.body) is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"rater": {"id": "ada", "kind": "user"}}, id="by a user"),
        pytest.param({"item_id": None}, id="no item"),
        pytest.param({"rubric": None}, id="no rubric"),
    ],
)
def test_other_feedback_comes_from_no_review(changes: dict[str, Any]) -> None:
    made = rubric("answer", THUMB)
    name, fields = bodies_of(made, address(made), {"fine": True}, SAID)[0].body
    assert origin_of((name, {**fields, "feedback": {**fields["feedback"], **changes}})) is None


def test_other_events_are_no_answers() -> None:
    body = ("plaudit.v1.EndConversation", {"reason": "closed"})
    assert (answer_of(rubric(), body), origin_of(body)) == (None, None)
    message = ("plaudit.v1.AddMessage", {"message_id": "m", "role": "user", "content": "Hi"})
    assert (answer_of(rubric("topic"), message), origin_of(message)) == (None, None)
    other = ("plaudit.v1.CompareMessages", {"aspect": "style", "candidates": ["a", "b"], "ranking": [["a"]]})
    assert answer_of(rubric("answers"), other) is None
