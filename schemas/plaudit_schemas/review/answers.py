"""Answers of reviewers as bodies of events; `logged_answers` reads them back. Pure.

Ids of events, messages and comparisons follow from item, reviewer and submission, so that whatever is sent
twice is a duplicate.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    CORRECTION,
    EXCLUDE_FROM_TRAINING,
    LABEL,
    NUMBER,
    START_CONVERSATION,
    TEXT,
    THUMB,
    UPDATE_MESSAGE,
)
from plaudit_schemas.review.answer_checks import tidied
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget, adjudication_id

NamedBody = tuple[str, Record]
"""The body of an event: its full schema name and its fields."""

ITEM_KEY: Final = "plaudit.item"
RUBRIC_KEY: Final = "plaudit.rubric"
VERSION_KEY: Final = "plaudit.rubric_version"
QUESTION_KEY: Final = "plaudit.question"
TOPIC_KEY: Final = "plaudit.topic"
COMMENT_KEY: Final = "plaudit.comment"
CONFIDENCE_KEY: Final = "plaudit.confidence"
"""Keys of the metadata of messages that reviewers write, and of the tags of conversations that they begin."""

_VALUES: Final[Mapping[str, str]] = {
    "thumb": THUMB,
    "rating": NUMBER,
    "label": LABEL,
    "labels": LABEL,
    "text": TEXT,
    "correction": CORRECTION,
}
VALUE_KINDS: Final[Mapping[str, str]] = {
    "thumb": "thumb",
    "rating": "number",
    "label": "label",
    "labels": "label",
    "text": "text",
    "correction": "correction",
}
"""The kind of the feedback that an answer becomes, by the question's kind. The others are no feedback."""


WRITERS: Final = ("demonstration", "prompt")
"""Kinds of question whose answer is a message."""


class ItemAddress(NamedTuple):
    """An item, and what is needed to say where its answers go.

    Attributes:
        id: of the item.
        prompt_id: of a target of kind `answer`, what it answers; empty if nothing.
        candidates: of a target of kind `answers`, the answers in the order in which they are shown.
    """

    id: str
    target: ReviewTarget
    prompt_id: str = ""
    candidates: tuple[str, ...] = ()


class Said(NamedTuple):
    """Who answers an item, and what they say of all of their answers.

    Attributes:
        reviewer: the rater id.
        submission: of the page's draft. A repeat has the same one.
        confidence: from 0 to 1.
        adjudicates: whether it settles what others disagree on.
    """

    reviewer: str
    submission: str
    suggestion_shown: bool | None = None
    comment: str | None = None
    confidence: float | None = None
    adjudicates: bool = False


class AnswerEvent(NamedTuple):
    """An event to be sent, without its envelope."""

    conversation_id: str
    event_id: str
    body: NamedBody


def bodies_of(rubric: Rubric, item: ItemAddress, answers: Answers, said: Said) -> list[AnswerEvent]:
    """The events that answers to an item become, in the order in which they must be sent.

    Args:
        answers: `problem_of` has found nothing wrong with them.
    """
    given = tidied(rubric, answers)
    makers = [
        (question, _MAKERS.get(question.kind, _feedback))
        for question in rubric.questions
        if question.name in given
    ]
    events: list[AnswerEvent] = []
    if item.target.kind == "topic":
        # What is written comes before what is said of it.
        makers.sort(key=lambda one: one[0].kind != "prompt")
        events.append(_start(rubric, item, said))
    for question, make in makers:
        events.append(make(rubric, item, question, given, said))
        said = said._replace(comment=None)  # once is enough
    return events


def withdrawals_of(rubric: Rubric, item: ItemAddress, answers: Answers, said: Said) -> list[AnswerEvent]:
    """The events that take answers back.

    Nothing is taken back of a conversation that a reviewer began but what they wrote.

    Args:
        answers: those that were given.
        said: with the submission that is taken back.
    """
    given = tidied(rubric, answers)
    events = []
    for question in rubric.questions:
        if question.name not in given:
            continue
        event = _MAKERS.get(question.kind, _feedback)(rubric, item, question, given, said)
        event_id = _derived("withdrawal", item, said, question.name, said.submission)
        events.append(AnswerEvent(event.conversation_id, event_id, _taken_back(event.body)))
    return events


def level_of(rubric: Rubric, question: RubricQuestion) -> str:
    """What a question is about: answer, prompt or conversation."""
    if question.kind == "correction":
        return "answer"
    if question.about is not None:
        return question.about
    return rubric.target if rubric.target in ("answer", "prompt", "conversation") else "prompt"


def written_conversation(item: ItemAddress, reviewer: str) -> str:
    """The id of the conversation that a reviewer begins for an item of a writing topic."""
    return _digest("conversation", item.id, reviewer)


def written_message(item: ItemAddress, said: Said, question: RubricQuestion) -> str:
    """The id of the message that a reviewer writes in a submission."""
    return _derived("message", item, said, question.name, said.submission)


def _feedback(
    rubric: Rubric, item: ItemAddress, question: RubricQuestion, given: Answers, said: Said
) -> AnswerEvent:
    answer = given[question.name]
    feedback = {
        "id": _derived("feedback", item, said, question.name, said.submission),
        "rater": {"id": said.reviewer, "kind": "reviewer"},
        "aspect": question.aspect,
        "kind": VALUE_KINDS[question.kind],
        "value": (_VALUES[question.kind], _value_written(question, answer)),
        **_rules(rubric, item, said),
    }
    conversation, message = _place(rubric, item, question, given, said)
    event_id = _derived("answer", item, said, question.name, said.submission)
    body = {**({"message_id": message} if message else {}), "feedback": feedback}
    return AnswerEvent(conversation, event_id, (UPDATE_MESSAGE, body))


def _comparison(
    rubric: Rubric, item: ItemAddress, question: RubricQuestion, given: Answers, said: Said
) -> AnswerEvent:
    answer = given[question.name]
    body = {
        "comparison_id": _derived("comparison", item, said, question.name),
        "candidates": list(item.candidates),
        "ranking": answer["groups"],
        "none_acceptable": answer["none_acceptable"],
        "rater": {"id": said.reviewer, "kind": "reviewer"},
        "aspect": question.aspect,
        **_rules(rubric, item, said),
    }
    event_id = _derived("answer", item, said, question.name, said.submission)
    return AnswerEvent(item.target.conversation_id, event_id, (COMPARE_MESSAGES, body))


def _writing(
    rubric: Rubric, item: ItemAddress, question: RubricQuestion, given: Answers, said: Said
) -> AnswerEvent:
    is_prompt = question.kind == "prompt"
    body = {
        "message_id": written_message(item, said, question),
        "parent_id": "" if is_prompt else item.target.message_id,
        "role": "user" if is_prompt else "assistant",
        "content": given[question.name],
        "status": "complete",
        "metadata": {
            ITEM_KEY: _item(item, said),
            RUBRIC_KEY: rubric.name,
            VERSION_KEY: rubric.version,
            QUESTION_KEY: question.name,
            **({} if said.comment is None else {COMMENT_KEY: said.comment}),
            **({} if said.confidence is None else {CONFIDENCE_KEY: repr(said.confidence)}),
        },
        "author": {"id": said.reviewer, "kind": "reviewer"},
    }
    conversation = written_conversation(item, said.reviewer) if is_prompt else item.target.conversation_id
    event_id = _derived("answer", item, said, question.name, said.submission)
    return AnswerEvent(conversation, event_id, (ADD_MESSAGE, body))


Maker = Callable[[Rubric, ItemAddress, RubricQuestion, Answers, Said], AnswerEvent]
_MAKERS: Final[Mapping[str, Maker]] = {"ranking": _comparison, **dict.fromkeys(WRITERS, _writing)}


def _start(rubric: Rubric, item: ItemAddress, said: Said) -> AnswerEvent:
    topic = item.target.message_id.rpartition("#")[0]
    tags = {RUBRIC_KEY: rubric.name, VERSION_KEY: rubric.version, ITEM_KEY: item.id, TOPIC_KEY: topic}
    # Without the submission: the conversation begins once.
    event_id = _derived("start", item, said)
    conversation = written_conversation(item, said.reviewer)
    # Whoever writes for a rubric writes what models are trained with. Without consent no row would be made.
    fields = {"tags": tags, "task": topic, "consent": "granted"}
    return AnswerEvent(conversation, event_id, (START_CONVERSATION, fields))


def _taken_back(body: NamedBody) -> NamedBody:
    name, fields = body
    if name == UPDATE_MESSAGE:
        plain = {
            key: value for key, value in fields["feedback"].items() if key not in ("comment", "confidence")
        }
        return name, {**fields, "feedback": {**plain, "value": None}}
    if name == COMPARE_MESSAGES:
        plain = {key: value for key, value in fields.items() if key not in ("comment", "confidence")}
        return name, {**plain, "ranking": [], "none_acceptable": False}
    rater = fields["author"]
    excluded = {"message_id": fields["message_id"], "excluded": True, "rater": rater, "reason": "withdrawn"}
    return EXCLUDE_FROM_TRAINING, excluded


def _place(
    rubric: Rubric, item: ItemAddress, question: RubricQuestion, given: Answers, said: Said
) -> tuple[str, str]:
    """The conversation and the message that feedback is about; no message is the whole conversation."""
    kind, conversation, message = item.target
    level = level_of(rubric, question)
    if kind == "topic":
        written = next(each for each in rubric.questions if each.kind == "prompt")
        return written_conversation(item, said.reviewer), written_message(item, said, written)
    if level == "conversation":
        return conversation, ""
    if kind == "answers" and level == "answer":
        return conversation, _best(rubric, item, given)
    if kind == "answer" and level == "prompt":
        return conversation, item.prompt_id
    return conversation, message


def _best(rubric: Rubric, item: ItemAddress, given: Answers) -> str:
    """The answer that is corrected: the best in the order shown, or the first shown if none was ranked."""
    for question in rubric.questions:
        if question.kind == "ranking" and question.name in given and given[question.name]["groups"]:
            best = given[question.name]["groups"][0]
            return next(each for each in item.candidates if each in best)
    return item.candidates[0]


def _rules(rubric: Rubric, item: ItemAddress, said: Said) -> Record:
    rules: Record = {"rubric": rubric.name, "rubric_version": rubric.version, "item_id": _item(item, said)}
    for name in ("suggestion_shown", "comment", "confidence"):
        if getattr(said, name) is not None:
            rules[name] = getattr(said, name)
    return rules


def _item(item: ItemAddress, said: Said) -> str:
    return adjudication_id(item.id) if said.adjudicates else item.id


def _value_written(question: RubricQuestion, answer: Any) -> Record:
    if question.kind == "thumb":
        return {"like": answer}
    if question.kind == "rating":
        return {
            "number": float(answer),
            "minimum": float(question.minimum),
            "maximum": float(question.maximum),
        }
    if question.kind in ("label", "labels"):
        return {"labels": [answer] if question.kind == "label" else list(answer)}
    return {"content" if question.kind == "correction" else "text": answer}


def _derived(what: str, item: ItemAddress, said: Said, *parts: str) -> str:
    return _digest(what, _item(item, said), said.reviewer, *parts)


def _digest(what: str, *parts: str) -> str:
    text = "\0".join((what, *parts)).encode()
    return f"review-{hashlib.sha256(text).hexdigest()[:32]}"
