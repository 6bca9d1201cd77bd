"""The frame that all pages share: header, navigation and sign-in. Fills HTML files, and does nothing else."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from plaudit_schemas.service.console import ConsolePage, ConsoleUser

_STATIC: Final = files("plaudit_infra.console") / "static"
_FRAME: Final = Template((_STATIC / "frame.html").read_text())
_SIGN_IN: Final = Template((_STATIC / "sign_in.html").read_text())


def page_html(page: ConsolePage, user: ConsoleUser, pages: Sequence[ConsolePage]) -> str:
    """The HTML of a page for a user. `pages` are those that the user may see, for the navigation."""
    static = files(page.package) / "static"
    head = static / "head.html"
    links = "".join(_link(each, current=each.name == page.name) for each in pages)
    return _framed(
        title=page.title,
        head=head.read_text() if head.is_file() else "",
        navigation=f'<nav aria-label="Pages"><ul>{links}</ul></nav>',
        account=_account(user),
        content=(static / "page.html").read_text(),
    )


def sign_in_html(next_path: str, problem: str = "") -> str:
    """The HTML of the page that asks for an API key.

    Args:
        next_path: where to go after the sign-in.
        problem: why the last try failed.
    """
    alert = f'<p class="banner" role="alert">{escape(problem)}</p>' if problem else ""
    content = _SIGN_IN.substitute(next=escape(next_path), problem=alert)
    return _framed(title="Sign in", head="", navigation="", account="", content=content)


def refusal_html(user: ConsoleUser, detail: str) -> str:
    """The HTML for a user who is signed in but may not see the page."""
    content = (
        '<main id="main" class="narrow" tabindex="-1"><section><h1>Not for this key</h1>'
        f'<p class="banner" role="alert">{escape(detail)}</p></section></main>'
    )
    return _framed(title="Not for this key", head="", navigation="", account=_account(user), content=content)


def _framed(**parts: str) -> str:
    return _FRAME.substitute({**parts, "title": escape(parts["title"])})


def _link(page: ConsolePage, *, current: bool) -> str:
    mark = ' aria-current="page"' if current else ""
    return f'<li><a href="/{page.name}"{mark}>{escape(page.title)}</a></li>'


def _account(user: ConsoleUser) -> str:
    if not user.name:
        return '<a href="/sign-in">Sign in</a>'
    application = "" if user.application is None else f" <span>{escape(user.application)}</span>"
    return (
        f'<p id="user"><bdi title="{escape(user.name)}">{escape(user.name)}</bdi>{application}</p>'
        '<form method="post" action="/sign-out"><button>Sign out</button></form>'
    )
