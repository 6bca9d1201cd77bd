"""All figures of a queue as one JSON document (docs/review-quality.md). Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric

from plaudit_producers.review.quality.agreement import question_figures
from plaudit_producers.review.quality.machines import machine_figures
from plaudit_producers.review.quality.pace import day_figures, moments_of
from plaudit_producers.review.quality.reviewers import reviewer_figures
from plaudit_producers.review.quality.words import disagreement_of, said_of

DISAGREEMENTS_LISTED: Final = 200
_NOT_ONES_OWN: Final = ("careless", "why")


def queue_figures(rubric: Rubric, items: Sequence[ReviewedItem], now: datetime) -> dict[str, Any]:
    """The document. The same items give the same numbers, in whatever order they come."""
    in_order = sorted(items, key=lambda item: item.id)
    judged = [item for item in in_order if "control" not in item.reasons]
    waiting = [(item, names) for item in judged if (names := disagreement_of(rubric, item))]
    return {
        "computed_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "items": {
            "total": len(judged),
            "judged": sum(bool(said_of(item)) for item in judged),
            "judged_twice": sum(len(said_of(item)) > 1 for item in judged),
            "waiting": len(waiting),
            "settled": sum(bool(item.adjudicated) for item in judged),
        },
        "random": _random_figures(judged),
        "questions": question_figures(rubric, in_order),
        "reviewers": reviewer_figures(rubric, in_order),
        "disagreements": [_disagreement(*each) for each in waiting[:DISAGREEMENTS_LISTED]],
        "machines": machine_figures(rubric, in_order),
        "days": day_figures(moments_of(in_order), rubric.lease_minutes * 60_000),
    }


def own_figures(document: Mapping[str, Any], reviewer: str) -> dict[str, Any] | None:
    """What a reviewer may see of the document: their own figures. None if they did nothing yet."""
    for entry in document["reviewers"]:
        if entry["reviewer"] == reviewer:
            return {name: value for name, value in entry.items() if name not in _NOT_ONES_OWN}
    return None


def _random_figures(items: Sequence[ReviewedItem]) -> dict[str, int]:
    """The random share: how many items, how many have an answer, and how many were only declined."""
    random = [item for item in items if "random" in item.reasons]
    answered = sum(bool(said_of(item)) for item in random)
    declined = sum(bool(item.declined) and not said_of(item) for item in random)
    return {"items": len(random), "answered": answered, "declined": declined}


def _disagreement(item: ReviewedItem, questions: Sequence[str]) -> dict[str, Any]:
    return {
        "item": item.id,
        "kind": item.target.kind,
        "conversation_id": item.target.conversation_id,
        "message_id": item.target.message_id,
        "questions": list(questions),
        "answers": {reviewer: dict(answers) for reviewer, answers in sorted(said_of(item).items())},
    }
