"""What a page of the console is. Members offer theirs in the entry point group `plaudit.console_pages`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from plaudit_schemas.settings import Settings
from plaudit_schemas.settings.connection import ConnectionSettings

PAGES_GROUP: Final = "plaudit.console_pages"
_USER: Final = "plaudit_user"
_IS_OVER: Final = "plaudit_is_over"
S = TypeVar("S", bound=Settings)


class ConsoleUser(NamedTuple):
    """Who looks at a page.

    Attributes:
        name: shown beside the way out; empty for a visitor of an open console.
        application: whose data they may see; None is every application's figures, and no text.
        roles: those of their API key; a visitor has none.
    """

    name: str
    application: str | None
    roles: frozenset[str]


class PageParts(NamedTuple):
    """A page at work.

    Attributes:
        routes: Starlette's; their paths lie below `/` and the page's name. Each request is a user's
            (`user_of`); a stream ends once `is_over`.
        close: called once when the console stops.
    """

    routes: Sequence[Any]
    close: Callable[[], Awaitable[None]]


class LoadSettings(Protocol):
    """Gives one of the page's settings, from arguments and environment."""

    def __call__(self, kind: type[S], /) -> S: ...


class ConsolePage(NamedTuple):
    """A page as its member declares it; loading it loads nothing heavy.

    Attributes:
        name: its path; lower-case letters and hyphens.
        title: in the navigation.
        order: its place there, small numbers first.
        package: has a folder `static`. `page.html` is what stands between the console's header and the end
            of the page; `head.html`, where there is one, ends the head. All else is served below
            `/name/static/`.
        settings: those that `create` loads; `plaudit console` takes them as arguments.
        roles: who may see it; any one of these roles, or admin.
        create: the page's parts, for a console on this connection. It may raise SettingsError.
    """

    name: str
    title: str
    order: int
    package: str
    settings: tuple[type[Settings], ...]
    roles: frozenset[str]
    create: Callable[[ConnectionSettings, LoadSettings], PageParts]

    def may_be_seen_by(self, user: ConsoleUser) -> bool:
        """Whether a user has one of its roles. A visitor of an open console sees what readers see."""
        roles = user.roles or frozenset(("reader",))
        return "admin" in roles or bool(roles & self.roles)


def user_of(scope: Mapping[str, Any]) -> ConsoleUser:
    """Whose request it is, by its ASGI scope.

    Raises:
        KeyError: the request did not come through the console.
    """
    user: ConsoleUser = scope[_USER]
    return user


async def is_over(scope: Mapping[str, Any]) -> bool:
    """Whether a stream must end: the console stops, or the user was signed out."""
    return bool(await scope[_IS_OVER]())


def set_user(scope: Any, user: ConsoleUser, is_over: Callable[[], Awaitable[bool]]) -> None:
    """Say whose request it is, and when it must end."""
    scope[_USER], scope[_IS_OVER] = user, is_over
