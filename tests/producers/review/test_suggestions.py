"""What reviewers are told of the scores of models."""

from typing import Any

import pytest
from plaudit_producers.review.suggestions import may_suggest, suggestions_of
from plaudit_schemas.contract.names import CORRECTION, LABEL, NUMBER, THUMB
from plaudit_schemas.review.changes import Reason
from plaudit_schemas.review.rubric import Rubric


def _rubric(**more: Any) -> Rubric:
    return Rubric.model_validate(
        {
            "name": "quality",
            "version": "1",
            "application": "shop",
            "title": "Quality",
            "target": "answer",
            "questions": [
                {"name": "good", "kind": "thumb", "title": "Good?"},
                {"name": "stars", "kind": "rating", "title": "How good?", "aspect": "quality"},
                {"name": "tone", "kind": "label", "title": "Tone?", "labels": ["kind", "rude"]},
                {"name": "better", "kind": "correction", "title": "Better?", "required": False},
            ],
            "show_suggestions": True,
            **more,
        }
    )


def _slot(aspect: str, kind: str, value: Any, rater: str = "model", message: str = "m") -> dict[str, Any]:
    said = {"aspect": aspect, "kind": kind, "value": value, "rater": {"kind": rater, "id": "scorer"}}
    return {"message_id": message, "feedback": said}


@pytest.mark.parametrize(
    ("slot", "value", "text"),
    [
        (_slot("good", "thumb", (THUMB, {"like": False})), False, "bad"),
        (
            _slot("quality", "number", (NUMBER, {"number": 0.8125, "minimum": 0.0, "maximum": 1.0})),
            0.8125,
            "0.812 (0 to 1)",
        ),
        (_slot("tone", "label", (LABEL, {"labels": ["kind"]})), ["kind"], "kind"),
        (_slot("better", "correction", (CORRECTION, {"content": "so"})), "so", "so"),
    ],
    ids=["thumb", "number", "label", "correction"],
)
def test_what_a_model_said_is_suggested(slot: dict[str, Any], value: Any, text: str) -> None:
    (found,) = suggestions_of(_rubric(), [slot], ["m"])
    assert (found.value, found.text, found.agent) == (value, text, "scorer")


@pytest.mark.parametrize(
    "slot",
    [
        _slot("good", "thumb", (THUMB, {"like": True}), rater="user"),
        _slot("good", "thumb", (THUMB, {"like": True}), rater="reviewer"),
        _slot("good", "thumb", None),
        _slot("good", "thumb", (THUMB, {"like": True}), message="other"),
        _slot("good", "label", (LABEL, {"labels": ["x"]})),
        _slot("unknown", "thumb", (THUMB, {"like": True})),
    ],
    ids=["a user's", "a reviewer's", "withdrawn", "of another message", "of another kind", "of no question"],
)
def test_nothing_else_is_suggested(slot: dict[str, Any]) -> None:
    assert list(suggestions_of(_rubric(), [slot], ["m"])) == []


@pytest.mark.parametrize(
    ("shown", "reasons", "allowed"),
    [
        (True, ("disliked",), True),
        (False, ("disliked",), False),
        (True, ("disliked", "random"), False),
        (True, ("control",), False),
    ],
    ids=["allowed", "hidden by the rubric", "random", "control"],
)
def test_items_that_measure_models_are_blind(shown: bool, reasons: tuple[Reason, ...], allowed: bool) -> None:
    assert may_suggest(_rubric(show_suggestions=shown), reasons) is allowed
