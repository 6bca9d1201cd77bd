"""Access to the console: sessions, and the middleware that requires one."""

import logging
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_schemas.service.console import ConsolePage, ConsoleUser, set_user
from plaudit_schemas.service.health import LIVE, METRICS, READY
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from plaudit_infra.console.accounts import Accounts, user_of_key
from plaudit_infra.console.layout import refusal_html
from plaudit_infra.console.links import LINK_PATH, SignInLinks
from plaudit_infra.console.sessions import Sessions

log = logging.getLogger("plaudit.console")

_LOOKER: Final = ConsoleUser("", None, frozenset())
_OPEN_PATHS: Final = frozenset(("/sign-in", LINK_PATH, LIVE, READY, METRICS))


def cookie_name(*, secure: bool) -> str:
    """The name of the session cookie. `__Host-` keeps other hosts of the domain from setting it."""
    return "__Host-plaudit_session" if secure else "plaudit_session"


class ConsoleAccess:
    """Signs people in and out, and says which user sent a request."""

    def __init__(self, accounts: Accounts, *, session_s: int, links: SignInLinks | None = None) -> None:
        """`session_s`: how long a session lasts. `links`: one-time links, if there are any."""
        self._accounts, self.links = accounts, links
        self._sessions = Sessions(session_s)
        self.session_s = session_s

    @property
    def signed_in(self) -> int:
        """The number of sessions that have not expired."""
        return len(self._sessions)

    async def sign_in(self, secret: str) -> str | None:
        """Begin a session. Returns the token for the cookie, or None if `secret` is no valid API key.

        Raises:
            KeyStoreError: the store does not answer.
        """
        key = await self._accounts.find_by_secret(secret)
        if key is None:
            return None
        log.info("the key %s signed in", key.id)
        return self._sessions.begin(key.id)

    def sign_in_by_link(self, token: str, host: str) -> str | None:
        """Begin a session for whoever has the link. Returns its token, or None if the link is not good.

        Raises:
            SettingsError: the next link cannot be written.
        """
        if self.links is None or not self.links.accept(token, host):
            return None
        log.info("somebody signed in with the link")
        return self._sessions.begin(self.links.key_id)

    def sign_out(self, scope: Scope) -> None:
        """End the session of a request."""
        self._sessions.end(_token(scope))

    async def user_of(self, scope: Scope) -> ConsoleUser | None:
        """The user who sent a request; None if they must sign in first.

        Raises:
            KeyStoreError: the store does not answer.
        """
        token = _token(scope)
        session = self._sessions.find(token) if token else None
        if session is None:
            return None
        if session.key_id is None:
            return _LOOKER
        key = await self._accounts.find(session.key_id)
        return None if key is None else user_of_key(key)


class RequireUser:
    """Lets signed-in users through to the pages that their roles allow."""

    def __init__(
        self,
        app: ASGIApp,
        access: ConsoleAccess,
        pages: Sequence[ConsolePage],
        stopping: Callable[[], bool],
    ) -> None:
        """`stopping`: whether the server is ending."""
        self._app, self._access, self._stopping = app, access, stopping
        self._pages = {page.name: page for page in pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or path in _OPEN_PATHS or path.startswith("/static/"):
            await self._app(scope, receive, send)
            return
        answer: Response | None = None
        try:
            user = await self._access.user_of(scope)
        except KeyStoreError:
            answer = _problem(503, "the key store does not answer; try again later")
        else:
            page = self._pages.get(path.split("/")[1])
            if user is None:
                answer = _ask_to_sign_in(scope, path)
            elif page is not None and not page.may_be_seen_by(user):
                roles = " or ".join(sorted(page.roles))
                answer = refuse_user(scope, user, f"{page.title} requires a key with the role {roles}.")
            else:
                set_user(scope, user, lambda: self._is_over(scope, user))
        await (answer or self._app)(scope, receive, send)

    async def _is_over(self, scope: Scope, user: ConsoleUser) -> bool:
        try:
            return self._stopping() or await self._access.user_of(scope) != user
        except KeyStoreError:
            return False  # an outage of the store must not end the streams of those who are signed in


def refuse_user(scope: Scope, user: ConsoleUser, detail: str) -> Response:
    """The answer for a user who is signed in but may not see this."""
    if _is_asked_by_a_browser(scope):
        return HTMLResponse(refusal_html(user, detail), 403)
    return _problem(403, detail)


def _token(scope: Scope) -> str:
    cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
    return cookies.get(cookie_name(secure=scope["scheme"] == "https"), "")


def _ask_to_sign_in(scope: Scope, path: str) -> Response:
    """Redirect a browser to the sign-in page; answer a script with 401."""
    if _is_asked_by_a_browser(scope):
        query = scope.get("query_string", b"").decode("latin-1")
        return RedirectResponse(f"/sign-in?next={quote(f'{path}?{query}' if query else path)}", 303)
    return _problem(401, "sign in first")


def _is_asked_by_a_browser(scope: Scope) -> bool:
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
