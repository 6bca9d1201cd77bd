"""Annotations of Label Studio as answers and events."""

from typing import Any

import pytest
from plaudit_producers.interchange.annotated import AnnotatedItem, events_of, takes_back
from plaudit_producers.interchange.label_studio_annotations import (
    SKIPPED,
    annotation_ids,
    item_of_row,
    items_of_task,
    items_of_webhook,
    number_of,
)
from plaudit_producers.interchange.review_tasks import ReviewTask
from plaudit_schemas.contract.names import short_name
from plaudit_schemas.contract.records import validate
from plaudit_schemas.review.answers import AnswerEvent
from plaudit_schemas.review.logged_answers import answer_of

from tests.producers.interchange.annotations import (
    CHANGED,
    annotation,
    choice,
    deleted,
    exported,
    result,
    text,
    webhook,
)
from tests.producers.interchange.rubrics import ANSWER, ANSWERS, number, score, task

PAIR = task(ANSWERS)
FIRST, SECOND = PAIR.carried.address.candidates
LEFT = result("best", "answer1,answer2", "pairwise", selected="left")
RIGHT = result("best", "answer1,answer2", "pairwise", selected="right")


def read(made: ReviewTask, *results: dict[str, Any], **fields: Any) -> AnnotatedItem:
    (item,) = items_of_task(exported(made, annotation(*results, **fields)), {"1": "ana"})
    assert isinstance(item, AnnotatedItem), item
    return item


def ranking(*groups: list[str], none: bool = False) -> dict[str, Any]:
    return {"groups": [list(each) for each in groups], "none_acceptable": none}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([LEFT], ranking([FIRST], [SECOND])),
        ([RIGHT], ranking([SECOND], [FIRST])),
        ([choice("best__tie", "equally good")], ranking([FIRST, SECOND])),
        ([LEFT, choice("best__tie", "equally good")], ranking([FIRST, SECOND])),
        ([choice("best__tie", "none is acceptable")], ranking([FIRST, SECOND], none=True)),
        ([choice("best__tie", "none is acceptable"), RIGHT], ranking([SECOND], [FIRST], none=True)),
    ],
    ids=["left", "right", "a tie", "a tie beats a side", "both bad", "both bad, one worse"],
)
def test_a_pair(results: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert read(PAIR, *results).answers == {"best": expected}


@pytest.mark.parametrize(
    "shape",
    [lambda names: names, lambda names: {"rank": names}, lambda names: {"rank": names, "_": []}],
    ids=["a list", "a bucket", "a bucket beside the rest"],
)
def test_an_order_of_several(shape: Any) -> None:
    made = task(ANSWERS, answers=3)
    order = made.carried.address.candidates
    ranked = read(made, result("best", "answers", "ranker", ranker=shape(["answer3", "answer1", "answer2"])))
    assert ranked.answers == {"best": ranking([order[2]], [order[0]], [order[1]])}


def test_every_kind_of_control() -> None:
    made = read(
        task(ANSWER, score("a1", number(0.8), "stars")),
        choice("good", "thumb down"),
        result("stars", "chat", "rating", rating=4),
        choice("grade", "0"),
        choice("tone", "rude"),
        choice("faults", "long", "wrong"),
        text("why", "too", "long"),
        text("fix", "shorter"),
        text("comment", "hm"),
    )
    assert made.answers == {
        "good": False, "stars": 4, "grade": 0, "tone": "rude", "faults": ["long", "wrong"],
        "why": "too\nlong", "fix": "shorter",
    }  # fmt: skip
    assert (made.rater, made.comment, made.lead_time_s) == ("ana", "hm", 3.5)
    bodies = [event.body for event in events_of(made)]
    assert bodies[0][1]["feedback"]["suggestion_shown"] is True
    assert bodies[0][1]["feedback"]["comment"] == "hm"
    answered = [found for body in bodies if (found := answer_of(made.carried.rubric, body)) is not None]
    assert dict(answered) == {**made.answers, "faults": ["wrong", "long"]}


@pytest.mark.parametrize(
    "results",
    [
        [result("stars", "chat", "rating", rating=0)],
        [text("fix", "answer 1")],
        [choice("faults")],
        [text("why", "")],
    ],
    ids=["stars that were cleared", "the answer as it was", "no choice", "an empty text"],
)
def test_what_is_left_open(results: list[dict[str, Any]]) -> None:
    assert read(task(ANSWER), *results).answers == {}


def test_a_side_that_was_clicked_twice_is_none() -> None:
    assert read(PAIR, result("best", "answer1,answer2", "pairwise", selected="none")).answers == {}


def test_json_min_says_the_same() -> None:
    made = task(ANSWER)
    whole = read(
        made, choice("good", "thumb up"), result("stars", "chat", "rating", rating=2), text("fix", "better"),
        choice("faults", "wrong", "long"),
    )  # fmt: skip
    short = {
        **exported(made)["data"], "id": 1, "good": "thumb up", "stars": [{"rating": 2}], "fix": "better",
        "faults": {"choices": ["wrong", "long"]}, "annotator": 1, "annotation_id": 1, "lead_time": 3.5,
        "created_at": annotation()["created_at"], "updated_at": annotation()["updated_at"],
    }  # fmt: skip
    assert item_of_row(short, {"1": "ana"}) == whole


def test_a_webhook_says_the_same_as_the_file() -> None:
    (item,) = items_of_webhook(webhook("ANNOTATION_CREATED", PAIR, annotation(LEFT)), {"1": "ana"})
    assert item == read(PAIR, LEFT)
    assert isinstance(item, AnnotatedItem)
    assert number_of(item) == "1"
    several = webhook("ANNOTATIONS_CREATED", PAIR, annotation(LEFT), annotation(RIGHT, id=2))
    assert len(list(items_of_webhook(several, {}))) == 2
    assert annotation_ids(deleted(3, 4)) == ["3", "4"]


def kinds(events: list[AnswerEvent]) -> list[str]:
    for event in events:
        validate(
            {
                "event_id": event.event_id, "application": "shop", "conversation_id": event.conversation_id,
                "occurred_at": 1_800_000_000_000_000, "source": "import", "body": event.body,
            }
        )  # fmt: skip
    return [short_name(event.body[0]) for event in events]


def test_a_skip_is_a_decline_and_a_ground_truth_a_tag() -> None:
    skipped = read(PAIR, was_cancelled=True)
    assert skipped.skipped == SKIPPED
    assert kinds(events_of(skipped)) == ["DeclineReview", "UpdateMessage"]
    assert takes_back(skipped) == []
    truth = events_of(read(PAIR, LEFT, ground_truth=True))
    assert kinds(truth) == ["CompareMessages", "UpdateMessage", "UpdateConversation"]
    (name,) = truth[-1].body[1]["tags"]
    assert name == f"ground_truth.{PAIR.carried.address.id}"


def test_an_edit_takes_back_what_it_leaves_open() -> None:
    edited = events_of(read(PAIR, LEFT, updated_at=CHANGED, lead_time=None))
    assert kinds(edited) == ["UpdateMessage", "UpdateMessage", "CompareMessages"]
    assert [event.body[1]["feedback"]["value"] for event in edited[:2]] == [None, None]
    assert edited[0].body[1]["message_id"] == FIRST  # the best, which a correction is of
    skipped = events_of(read(PAIR, was_cancelled=True, updated_at=CHANGED, lead_time=None))
    assert kinds(skipped) == ["CompareMessages", "UpdateMessage", "UpdateMessage", "DeclineReview"]
    assert skipped[0].body[1]["ranking"] == []


def test_the_ids_follow_from_the_annotation_and_its_version() -> None:
    def ids(*results: dict[str, Any], **fields: Any) -> set[str]:
        return {event.event_id for event in events_of(read(PAIR, *results, **fields))}

    assert ids(LEFT) == ids(LEFT)
    assert ids(LEFT).isdisjoint(ids(LEFT, updated_at=CHANGED))
    assert ids(LEFT).isdisjoint(ids(LEFT, created_at="2026-11-26T23:11:13.000000Z"))
    taken = takes_back(read(PAIR, LEFT))
    assert kinds(taken) == ["CompareMessages"]
    assert taken[0].body[1]["ranking"] == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (annotation(result("other", "chat", "choices", choices=["x"])), "other is no question of rubric"),
        (annotation(result("best", "x", "pairwise", selected="up")), "selected must be left or right"),
        (annotation(choice("best__tie", "both")), "best__tie must be 'equally good' or"),
        (annotation(result("best", "x", "ranker", ranker=["answer9"])), "must rank answer1, answer2"),
        (annotation(result("asks", "chat", "choices", choices=["yes"])), "asks must be 'thumb up' or"),
        (annotation(choice("asks", "thumb up", "thumb down")), "asks takes one choice, not 2"),
        (annotation(result("asks", "chat", "choices", choices="x")), "asks must be a list of choices"),
        (annotation(result("fix", "chat", "textarea", text=[1])), "fix must be texts"),
        (annotation(result("best", "chat", "x")), "an annotation lacks 'ranker'"),
        (annotation(LEFT, completed_by=None), "does not say who made it"),
        (annotation(LEFT, id=None), "an annotation has no id"),
        (annotation(LEFT, updated_at="then"), "has no time updated_at"),
        (annotation(LEFT, created_at="2026-11-26T23:11:13"), "created_at has no time zone"),
        ({"id": 1, "completed_by": 1, "created_at": CHANGED, "updated_at": CHANGED}, "result must be a list"),
        ("none", "an annotation must be an object"),
    ],
    ids=[
        "another control", "another side", "another tie", "another answer", "another thumb", "two thumbs",
        "no list of choices", "no text", "no value", "nobody", "no id", "no time", "no zone", "no result",
        "no object",
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(given: Any, why: str) -> None:
    (item,) = items_of_task(exported(PAIR, given), {})
    assert isinstance(item, ValueError)
    assert why in str(item)


def test_a_number_must_be_one() -> None:
    (item,) = items_of_task(exported(task(ANSWER), annotation(choice("grade", "much"))), {})
    assert "grade must be a whole number, not 'much'" in str(item)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"data": {"x": 1}, "annotations": []}, "the field plaudit of its data is missing"),
        ({"data": 1}, "the task's data must be an object"),
        ({"data": exported(PAIR)["data"]}, "must have a list of annotations"),
    ],
    ids=["a task of others", "no data", "no annotations"],
)
def test_a_task_that_is_none_of_ours(record: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(items_of_task(record, {}))


def test_a_webhook_without_its_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="let it send its payload"):
        list(items_of_webhook({"action": "ANNOTATION_CREATED"}, {}))


def test_a_required_question_must_be_answered() -> None:
    with pytest.raises(ValueError, match="best needs an answer"):
        events_of(read(PAIR))


def test_unknown_users_keep_their_numbers() -> None:
    (item,) = items_of_task(exported(PAIR, annotation(LEFT, completed_by={"id": 7})), {"1": "ana"})
    assert isinstance(item, AnnotatedItem)
    assert item.rater == "label-studio-7"
