"""Who may do what with conversations. Pure."""

from plaudit_schemas.service.console import ConsoleUser

from plaudit_infra.page_requests import PageRefusal

_SIGN_IN = "Sign in with an API key to read conversations: a key shows those of its application."


def application_of(user: ConsoleUser) -> str:
    """The application whose conversations a user may read.

    Raises:
        PageRefusal: the user has none.
    """
    if user.application is None or not user.person:
        raise PageRefusal(403, _SIGN_IN)
    return user.application


def may_decide(user: ConsoleUser) -> bool:
    """Whether a user may send conversations to reviewers, and correct answers."""
    return bool(user.roles & {"lead", "admin"})


def may_erase(user: ConsoleUser) -> bool:
    """Whether a user may erase conversations."""
    return "admin" in user.roles


def must_decide(user: ConsoleUser) -> None:
    """Refuse a user who may neither send nor correct.

    Raises:
        PageRefusal: the user's key has neither the role lead nor admin.
    """
    if not may_decide(user):
        raise PageRefusal(403, "This requires a key with the role lead.")


def must_erase(user: ConsoleUser) -> None:
    """Refuse a user who may not erase.

    Raises:
        PageRefusal: the user's key has not the role admin.
    """
    if not may_erase(user):
        raise PageRefusal(403, "Erasing a conversation requires a key with the role admin.")
