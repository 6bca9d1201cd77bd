"""The interface of a console page. Members register theirs as entry points `plaudit.console_pages`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from plaudit_schemas.settings import Settings
from plaudit_schemas.settings.connection import ConnectionSettings

PAGES_GROUP: Final = "plaudit.console_pages"
CONSOLE_LINK: Final = "console-link"
"""The file in the data folder that holds the link of a console on this machine."""

_USER: Final = "plaudit_user"
_IS_OVER: Final = "plaudit_is_over"
S = TypeVar("S", bound=Settings)


class ConsoleUser(NamedTuple):
    """The user of a page.

    Attributes:
        name: shown beside the sign-out button; empty for who came by a link.
        application: the application whose data the user may see. None allows the metrics of every
            application, but no texts of conversations.
        roles: of the user's API key; empty for who came by a link.
        person: the rater id of what the user judges; empty for who came by a link.
    """

    name: str
    application: str | None
    roles: frozenset[str]
    person: str = ""


class PageParts(NamedTuple):
    """The running parts of a page.

    Attributes:
        routes: Starlette routes with paths below `/<page name>`. `user_of` gives the user of each request.
            A streaming response must end once `is_over` is true.
        close: called once when the console stops.
    """

    routes: Sequence[Any]
    close: Callable[[], Awaitable[None]]


class LoadSettings(Protocol):
    """Loads one of the page's settings classes from arguments and environment."""

    def __call__(self, kind: type[S], /) -> S: ...


class ConsolePage(NamedTuple):
    """The declaration of a page. Its module must not import anything heavy.

    Attributes:
        name: the page's path, in lower-case letters and hyphens.
        title: the page's name in the navigation.
        order: its position in the navigation; small numbers come first.
        package: a package with a folder `static`. Its `page.html` is the body of the page below the
            console's header. Its `head.html`, if it exists, is added to the end of the HTML head. All other
            files are served below `/<page name>/static/`.
        settings: the settings classes that `create` loads; `plaudit console` takes them as flags.
        roles: a user with one of these roles, or with the role admin, may see the page.
        create: makes the page's parts for a connection. It may raise SettingsError.
    """

    name: str
    title: str
    order: int
    package: str
    settings: tuple[type[Settings], ...]
    roles: frozenset[str]
    create: Callable[[ConnectionSettings, LoadSettings], PageParts]

    def may_be_seen_by(self, user: ConsoleUser) -> bool:
        """Whether a user has a role for this page. Who came by a link without a key counts as a reader."""
        roles = user.roles or frozenset(("reader",))
        return "admin" in roles or bool(roles & self.roles)


def user_of(scope: Mapping[str, Any]) -> ConsoleUser:
    """The user of a request, from its ASGI scope.

    Raises:
        KeyError: the request did not come through the console.
    """
    user: ConsoleUser = scope[_USER]
    return user


async def is_over(scope: Mapping[str, Any]) -> bool:
    """Whether a stream must end, because the console stops or the user was signed out."""
    return bool(await scope[_IS_OVER]())


def set_user(scope: Any, user: ConsoleUser, is_over: Callable[[], Awaitable[bool]]) -> None:
    """Note the user of a request in its ASGI scope, and the function behind `is_over`."""
    scope[_USER], scope[_IS_OVER] = user, is_over
