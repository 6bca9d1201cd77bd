"""Rubrics, conversations and tasks for the tests of this folder."""

from typing import Any

from plaudit_producers.interchange.documents import Document
from plaudit_producers.interchange.review_tasks import ReviewTask, task_of
from plaudit_schemas.contract.names import LABEL, NUMBER, THUMB
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget

ANSWER = ReviewTarget("answer", "c1", "a1")
ANSWERS = ReviewTarget("answers", "c1", "q1")


def rubric(target: str = "answer", *questions: dict[str, Any], **fields: Any) -> Rubric:
    """A rubric of application shop; without questions it has one of each kind that the target takes."""
    return Rubric.model_validate(
        {
            "name": "quality", "version": "1", "application": "shop", "title": "Is it good?",
            "target": target, "questions": questions or _ALL[target], "select": {"everything": True},
            "show_suggestions": True, **fields,
        }
    )  # fmt: skip


def question(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "title": f"{name}?", "required": False, **fields}


RANKING = question("best", "ranking", aspect="preference", required=True)
_ALL = {
    "answer": (
        question("good", "thumb"),
        question("stars", "rating"),
        question("grade", "rating", minimum=0, maximum=3),
        question("tone", "label", labels=["kind", "rude"]),
        question("faults", "labels", labels=["wrong", "long", "off & <topic>"]),
        question("why", "text"),
        question("fix", "correction"),
    ),
    "answers": (RANKING, question("fix", "correction"), question("asks", "thumb", about="prompt")),
    "prompt": (question("reply", "demonstration"), question("good", "thumb")),
    "conversation": (question("solved", "thumb"),),
}


def message(name: str, role: str, content: str, parent: str) -> dict[str, Any]:
    return {"message_id": name, "role": role, "content": content, "parent_id": parent, "status": "complete"}


def score(about: str, value: tuple[str, dict[str, Any]], aspect: str, kind: str = "number") -> dict[str, Any]:
    rater = {"id": "scorer", "kind": "model", "version": "2"}
    return {
        "message_id": about,
        "feedback": {"rater": rater, "aspect": aspect, "kind": kind, "value": value},
    }


def number(share: float) -> tuple[str, dict[str, Any]]:
    return NUMBER, {"number": share, "minimum": 0.0, "maximum": 1.0}


def thumb(like: bool) -> tuple[str, dict[str, Any]]:
    return THUMB, {"like": like}


def labels(*names: str) -> tuple[str, dict[str, Any]]:
    return LABEL, {"labels": list(names)}


def document(*feedback: dict[str, Any], answers: int = 2, **fields: Any) -> Document:
    """A conversation: a question with answers a1, a2, ... and a further question after the first."""
    given = [message(f"a{each}", "assistant", f"answer {each}", "q1") for each in range(1, answers + 1)]
    return {
        "application": "shop", "conversation_id": "c1", "erased": False,
        "messages": [
            message("q1", "user", "Where is my parcel?", ""), *given, message("q2", "user", "And now?", "a1")
        ],
        "feedback": list(feedback), **fields,
    }  # fmt: skip


def task(target: ReviewTarget, *feedback: dict[str, Any], answers: int = 2, **fields: Any) -> ReviewTask:
    """The task of a target of that conversation."""
    made = task_of(rubric(target.kind, **fields), document(*feedback, answers=answers), target)
    assert made is not None
    return made
