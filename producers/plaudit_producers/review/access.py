"""Who may do what. Pure."""

from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.service.console import ConsoleUser

from plaudit_producers.review.errors import ReviewRefusal

_SIGN_IN = "Sign in with an API key to review: a key shows the conversations of its application."


def application_of(user: ConsoleUser) -> str:
    """The application whose conversations a user reviews.

    Raises:
        ReviewRefusal: the user has none.
    """
    if user.application is None or not user.person:
        raise ReviewRefusal("sign_in", _SIGN_IN)
    return user.application


def is_lead(user: ConsoleUser) -> bool:
    """Whether a user sees how reviewers do, and settles what they disagree on."""
    return bool(user.roles & {"lead", "admin"})


def may_review(user: ConsoleUser, rubric: Rubric) -> bool:
    """Whether a user may answer the questions of a rubric."""
    allowed = rubric.reviewers
    if allowed.people and user.person not in allowed.people:
        return False
    return "admin" in user.roles or bool(user.roles & set(allowed.roles))


def must_review(user: ConsoleUser, rubric: Rubric) -> None:
    """Refuse a user who may not answer the questions of a rubric.

    Raises:
        ReviewRefusal: the rubric names other people or roles.
    """
    if not may_review(user, rubric):
        raise ReviewRefusal(
            "not_allowed",
            f"{rubric.title} is for other people; ask its author to add {user.person}.",
        )


def must_lead(user: ConsoleUser) -> None:
    """Refuse a user who is no lead.

    Raises:
        ReviewRefusal: the user's key has neither the role lead nor admin.
    """
    if not is_lead(user):
        raise ReviewRefusal("role", "This requires a key with the role lead.")
