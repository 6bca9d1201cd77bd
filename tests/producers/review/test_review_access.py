"""Who may review, and who leads."""

from typing import Any

import pytest
from plaudit_producers.review.access import application_of, is_lead, may_review, must_lead, must_review
from plaudit_producers.review.errors import ReviewRefusal
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.service.console import ConsoleUser


def _user(*roles: str, person: str = "ana", application: str | None = "shop") -> ConsoleUser:
    return ConsoleUser("Ana", application, frozenset(roles), person)


def _rubric(**reviewers: Any) -> Rubric:
    return Rubric.model_validate(
        {
            "name": "quality",
            "version": "1",
            "application": "shop",
            "title": "Quality",
            "target": "answer",
            "questions": [{"name": "good", "kind": "thumb", "title": "Good?"}],
            "reviewers": reviewers,
        }
    )


@pytest.mark.parametrize(
    ("reviewers", "user", "allowed"),
    [
        ({}, _user("reviewer"), True),
        ({}, _user("lead"), True),
        ({}, _user("admin"), True),
        ({}, _user("reader"), False),
        ({"roles": ["lead"]}, _user("reviewer"), False),
        ({"people": ["ben"]}, _user("reviewer"), False),
        ({"people": ["ben"]}, _user("admin"), False),
        ({"people": ["ana"]}, _user("reviewer"), True),
    ],
    ids=["reviewer", "lead", "admin", "reader", "leads only", "others only", "others than an admin", "named"],
)
def test_a_rubric_says_who_may_answer(reviewers: dict[str, Any], user: ConsoleUser, allowed: bool) -> None:
    rubric = _rubric(**reviewers)
    assert may_review(user, rubric) is allowed
    if not allowed:
        with pytest.raises(ReviewRefusal, match="for other people"):
            must_review(user, rubric)
    else:
        must_review(user, rubric)


def test_leads_and_admins_lead() -> None:
    assert [is_lead(_user(role)) for role in ("reviewer", "lead", "admin", "reader")] == [
        False, True, True, False,
    ]  # fmt: skip
    must_lead(_user("lead"))
    with pytest.raises(ReviewRefusal, match="role lead") as refusal:
        must_lead(_user("reviewer"))
    assert refusal.value.status == 403


@pytest.mark.parametrize(
    "user", [_user(application=None), _user(person="")], ids=["no application", "a visitor"]
)
def test_nobody_reviews_without_an_application_and_a_name(user: ConsoleUser) -> None:
    with pytest.raises(ReviewRefusal, match="Sign in"):
        application_of(user)
