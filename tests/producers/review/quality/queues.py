"""Rubrics and reviewed items for tests of figures, with reviewers of known quality."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget, item_id

QUESTIONS = (
    {"name": "helpful", "kind": "thumb", "title": "Is it helpful?"},
    {"name": "quality", "kind": "rating", "title": "How good?", "required": False},
    {
        "name": "tone",
        "kind": "label",
        "labels": ["warm", "cold", "rude"],
        "title": "Tone?",
        "required": False,
    },
    {"name": "flags", "kind": "labels", "labels": ["false", "unsafe"], "title": "Flags?", "required": False},
    {"name": "why", "kind": "text", "title": "Why?", "required": False},
)
T0_MS = 1_795_600_000_000


def rubric_of(**fields: Any) -> Rubric:
    known = {
        "name": "answers", "version": "1", "application": "acme", "title": "Answers", "target": "answer",
        "questions": QUESTIONS, "overlap": 2,
    }  # fmt: skip
    return Rubric.model_validate({**known, **fields})


PAIRS = rubric_of(
    name="pairs", target="answers", questions=[{"name": "better", "kind": "ranking", "title": "Which?"}]
)


def item(number: int, verdicts: Mapping[str, Mapping[str, Any]], **more: Any) -> ReviewedItem:
    """An item with its verdicts; `more` are fields of it."""
    target = ReviewTarget("answer", f"c{number}", "a")
    fields = {
        "id": item_id("acme", "answers", target), "target": target, "reasons": ("random",),
        "verdicts": verdicts, "surplus": {}, "adjudicated": {}, "declined": {},
        "answered_ms": dict.fromkeys(verdicts, T0_MS + number * 20_000),
    }  # fmt: skip
    return ReviewedItem(**{**fields, **more})


def thumbs(*said: str, field: str = "helpful", **more: Any) -> list[ReviewedItem]:
    """Items by what reviewers a, b, c ... say of them: `+` up, `-` down, a space nothing."""
    return [
        item(
            number,
            {"abcdefgh"[at]: {field: sign == "+"} for at, sign in enumerate(each) if sign != " "},
            **more,
        )
        for number, each in enumerate(said)
    ]


def simulated(
    seed: int, skills: Mapping[str, float], *, items: int = 120, controls: int = 30
) -> tuple[Rubric, list[ReviewedItem]]:
    """Thumbs of reviewers who see the truth as often as `skills` says and else guess; all judge all items."""
    rng = random.Random(seed)
    truth = [rng.random() < 0.5 for _ in range(items + controls)]
    rubric = rubric_of(
        controls={
            "items": [
                {"conversation": f"c{number}", "message": "a", "expected": {"helpful": truth[number]}}
                for number in range(controls)
            ]
        }
    )

    def said(number: int, skill: float) -> bool:
        return truth[number] if rng.random() < skill else rng.random() < 0.5

    found = [
        item(
            number,
            {who: {"helpful": said(number, skill)} for who, skill in skills.items()},
            reasons=("control",) if number < controls else ("random",),
        )
        for number in range(items + controls)
    ]
    return rubric, found


def entry(figures: Sequence[Mapping[str, Any]], **known: Any) -> Mapping[str, Any]:
    """The one entry that has these values."""
    (found,) = (each for each in figures if all(each[name] == value for name, value in known.items()))
    return found
