"""What was said of an item in another tool, and the events that it becomes. Pure.

The ids of the events follow from the annotation and its version, so what is read twice counts once.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import (
    DECLINE_REVIEW,
    SIGNAL,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.review.answer_checks import problem_of
from plaudit_schemas.review.answers import AnswerEvent, Said, bodies_of, withdrawals_of
from plaudit_schemas.review.rubric import RubricQuestion

from plaudit_producers.interchange.carried import CarriedItem
from plaudit_producers.interchange.derived import derived_id

GROUND_TRUTH: Final = "ground_truth."
"""Begins the tag of a conversation that says that an item has a right answer. Its value is the annotation."""
LEAD_TIME: Final = "lead_time_seconds"
_BEHAVIOUR: Final = "behaviour"


class AnnotatedItem(NamedTuple):
    """One person's annotation of one task.

    Attributes:
        annotation: names the annotation, in every form in which it comes.
        version: of what it says; another one after every change.
        answers: question -> answer, in the form of `review.answers`.
        edited: whether it said something else before: what it leaves open is then taken back.
        skipped: the reason for which the person skipped the task; None if they did not.
        ground_truth: whether its answers are the right ones.
        lead_time_s: how long the person took.
    """

    carried: CarriedItem
    rater: str
    annotation: str
    version: str
    answers: Mapping[str, Any]
    comment: str | None = None
    edited: bool = False
    skipped: str | None = None
    ground_truth: bool = False
    lead_time_s: float | None = None


def said_by(item: AnnotatedItem) -> Said:
    """Who says it, and under which name of a submission."""
    return Said(
        item.rater,
        f"{item.annotation} {item.version}",
        suggestion_shown=True if item.carried.suggested else None,
        comment=item.comment or None,
    )


def events_of(item: AnnotatedItem) -> list[AnswerEvent]:
    """The events of an annotation, in the order in which they must be sent.

    Raises:
        ValueError: its answers are none to the rubric's questions.
    """
    rubric, address = item.carried.rubric, item.carried.address
    if item.skipped is None:
        problem = problem_of(rubric, item.answers, address.candidates)
        if problem is not None:
            raise ValueError(problem)
    given = {} if item.skipped is not None else item.answers
    said = said_by(item)
    events = []
    if item.edited:
        events += _left_open(item, given, said)
    if item.skipped is not None:
        events.append(_decline(item, item.skipped))
    else:
        events += bodies_of(rubric, address, given, said)
    return [*events, *_extras(item)]


def takes_back(item: AnnotatedItem) -> list[AnswerEvent]:
    """The events that take back an annotation that was deleted. A skip stays."""
    if item.skipped is not None:
        return []
    return withdrawals_of(item.carried.rubric, item.carried.address, item.answers, said_by(item))


def record_of(application: str, event: AnswerEvent, source: str, *, now: int) -> Record:
    """An event with its envelope.

    Args:
        now: its time, in microseconds since 1970.
    """
    return {
        "event_id": event.event_id,
        "application": application,
        "conversation_id": event.conversation_id,
        "occurred_at": now,
        "source": source,
        "body": event.body,
    }


def _left_open(item: AnnotatedItem, given: Mapping[str, Any], said: Said) -> list[AnswerEvent]:
    """Takes back what an earlier version may have said on the questions that this one leaves open.

    A demonstration is a message of its version, which nobody knows here.
    """
    rubric, candidates = item.carried.rubric, item.carried.address.candidates
    asked = [question for question in rubric.questions if question.kind != "demonstration"]
    # With the answers that are given, since a ranking says which answer a correction is of.
    answers = {each.name: given.get(each.name, _any_answer(each, candidates)) for each in asked}
    events = withdrawals_of(rubric, item.carried.address, answers, said)
    return [event for each, event in zip(asked, events, strict=True) if each.name not in given]


def _extras(item: AnnotatedItem) -> Iterator[AnswerEvent]:
    rubric, address = item.carried.rubric, item.carried.address
    conversation = address.target.conversation_id
    if item.lead_time_s is not None:
        feedback = {
            "id": _derived("feedback", item, LEAD_TIME),
            "rater": _rater(item),
            "aspect": _BEHAVIOUR,
            "kind": "signal",
            "signal": LEAD_TIME,
            "value": (SIGNAL, {"name": LEAD_TIME, "number": item.lead_time_s}),
            "rubric": rubric.name,
            "rubric_version": rubric.version,
            "item_id": address.id,
        }
        body = {"message_id": _message(item), "feedback": feedback}
        yield AnswerEvent(conversation, _derived("event", item, LEAD_TIME), (UPDATE_MESSAGE, body))
    if item.ground_truth:
        tags = {f"{GROUND_TRUTH}{address.id}": item.annotation}
        yield AnswerEvent(
            conversation, _derived("event", item, GROUND_TRUTH), (UPDATE_CONVERSATION, {"tags": tags})
        )


def _decline(item: AnnotatedItem, reason: str) -> AnswerEvent:
    rubric, address = item.carried.rubric, item.carried.address
    body = {
        "message_id": _message(item),
        "item_id": address.id,
        "rubric": rubric.name,
        "rubric_version": rubric.version,
        "rater": _rater(item),
        "reason": reason,
    }
    event_id = _derived("event", item, "decline")
    return AnswerEvent(address.target.conversation_id, event_id, (DECLINE_REVIEW, body))


def _message(item: AnnotatedItem) -> str | None:
    return item.carried.address.target.message_id or None


def _rater(item: AnnotatedItem) -> Record:
    return {"id": item.rater, "kind": "reviewer"}


def _derived(what: str, item: AnnotatedItem, *names: str) -> str:
    said = said_by(item)
    return derived_id(what, item.carried.address.id, said.reviewer, said.submission, *names)


def _any_answer(question: RubricQuestion, candidates: tuple[str, ...]) -> Any:
    """Some answer to a question, of which a withdrawal is made: it says only which question it is."""
    if question.kind == "ranking":
        return {"groups": [list(candidates)], "none_acceptable": False}
    if question.kind in ("label", "labels"):
        return question.labels[0] if question.kind == "label" else list(question.labels[:1])
    return {"thumb": True, "rating": question.minimum}.get(question.kind, "-")
