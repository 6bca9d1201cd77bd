"""Middleware for ASGI applications (FastAPI, Starlette, Django, ...): each request has its conversation.

app.add_middleware(PlauditMiddleware, tokens=PageTokens("https://gateway.example", os.environ["GATEWAY_KEY"]))
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import parse_qs

from plaudit_schemas.errors import PlauditError, SettingsError

from plaudit_producers.integrations.current import CurrentConversation, conversation
from plaudit_producers.integrations.guard import guarded, note_error
from plaudit_producers.integrations.page_tokens import PageTokens, TokenUnavailableError
from plaudit_producers.integrations.producers import flush_shared_producer
from plaudit_producers.integrations.visitor_cookie import cookie_value, set_cookie_header
from plaudit_producers.integrations.visits import Visit, may_set_cookie, visit_of
from plaudit_producers.sdk.fitting import fitting_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

_MESSAGE_ID: Final = b"plaudit-message-id"
_NAME: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_FLUSH_S: Final = 5.0
_REFUSED_AGAIN_S: Final = 10  # a new key is known to all gateways after some seconds
_STARTS: Final = ("http.response.start", "websocket.accept")


class PlauditMiddleware:
    """Sets the current conversation of each request and websocket, and gives pages their tokens.

    The conversation is the one that the header names, else the one of the visitor's cookie, else a new one,
    which the answer sets as a cookie. An answer that starts after the model's has the header
    `Plaudit-Message-Id`, for the page's votes. A failure in here is logged, and the request goes on without a
    conversation. At the end of the application it waits a moment for what integrations have recorded.

    With `tokens`, a `POST` to their path gets a browser token for the conversation of the
    visitor's cookie; with `?new=1` the visitor gets a new conversation. The cookie is signed then, so that
    nobody gets a token for the conversation of somebody else. The header does not count there.

    Args:
        header: None if only cookies count: where visitors must not name conversations themselves.
        cookie: the cookie's name; None if only the header counts.
        user: takes the scope, and returns the user's id or None, or an awaitable of it.
        secure: whether the cookie is for https only; by default if the request came by https.
        tokens: gets them from the gateway. The API key stays in this server.

    Raises:
        SettingsError: there is no cookie for the tokens, or a name cannot be one.
    """

    def __init__(
        self,
        app: AsgiApplication,
        *,
        header: str | None = "x-conversation-id",
        cookie: str | None = "plaudit_conversation",
        user: Callable[[Scope], Any] | None = None,
        secure: bool | None = None,
        tokens: PageTokens | None = None,
    ) -> None:
        if tokens is not None and cookie is None:
            raise SettingsError("tokens for pages need the visitor's cookie; give it a name")
        for name in (header, cookie):
            if name is not None and not _NAME.fullmatch(name):
                raise SettingsError(
                    f"{name!r} is no name of a header or cookie: take letters, digits, '-' and '_', or None"
                )
        self._app = app
        self._header = None if header is None else header.lower().encode()
        self._cookie, self._user, self._secure = cookie, user, secure
        self._tokens = tokens
        self._secret = None if tokens is None else tokens.secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _flushing(send))
        elif scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._tokens is not None and _is_post_to(scope, self._tokens.path):
            await self._answer_token(scope, send, self._tokens)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        entered: conversation | None = None
        with guarded("asgi: finding a request's conversation"):
            user_id = await self._user_of(scope)
            visit = visit_of(scope["headers"], self._header, self._cookie, self._secret)
            entered = conversation(visit.conversation_id, user_id=user_id)
        if entered is None:
            await self._app(scope, receive, send)
            return
        with entered as current:

            async def send_on(message: Message) -> None:
                if message["type"] in _STARTS:
                    with guarded("asgi: telling a visitor the conversation"):
                        message = self._told(scope, message, visit, current)
                await send(message)

            await self._app(scope, receive, send_on)

    def _told(self, scope: Scope, message: Message, visit: Visit, current: CurrentConversation) -> Message:
        """The start of an answer, with what the visitor has to know."""
        headers = list(message.get("headers") or ())
        if visit.is_new and may_set_cookie(scope.get("method", "WEBSOCKET"), headers):
            headers += self._cookie_headers(scope, visit.conversation_id)
        message_id = current.last_message_id or ""
        if message_id and message_id.isascii() and message_id.isprintable():
            headers.append((_MESSAGE_ID, message_id.encode()))
        return {**message, "headers": headers}

    def _cookie_headers(self, scope: Scope, conversation_id: str) -> list[tuple[bytes, bytes]]:
        secure = scope.get("scheme") in ("https", "wss") if self._secure is None else self._secure
        value = cookie_value(conversation_id, self._secret)
        header = set_cookie_header(
            str(self._cookie), value, path=scope.get("root_path") or "/", secure=secure
        )
        return [(b"set-cookie", header.encode("latin-1")), (b"vary", b"Cookie")]

    async def _user_of(self, scope: Scope) -> str | None:
        if self._user is None:
            return None
        with guarded("asgi: asking for the user"):
            user = self._user(scope)
            if isawaitable(user):
                user = await user
            return None if user is None else fitting_id(str(user))
        return None

    async def _answer_token(self, scope: Scope, send: Send, tokens: PageTokens) -> None:
        wants_new = parse_qs(scope.get("query_string", b"")).get(b"new") == [b"1"]
        visit = visit_of(() if wants_new else scope["headers"], None, self._cookie, self._secret)
        headers = self._cookie_headers(scope, visit.conversation_id) if visit.is_new else []
        user_id = await self._user_of(scope)
        try:
            made = await asyncio.to_thread(tokens.fetch, visit.conversation_id, user_id)
        except PlauditError as error:
            note_error("asgi: asking the gateway for a token", error)
            after = error.retry_after_s if isinstance(error, TokenUnavailableError) else _REFUSED_AGAIN_S
            retry = (b"retry-after", str(after).encode())
            await _answer(send, 503, {"detail": "there is no token now; ask again later"}, [*headers, retry])
            return
        await _answer(send, 200, made, headers)


def _flushing(send: Send) -> Send:
    """Flush before the server hears that it may end: uvicorn ends by a signal, and skips exit handlers."""

    async def send_on(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            with guarded("asgi: flushing at the end"):
                await asyncio.to_thread(flush_shared_producer, _FLUSH_S)
        await send(message)

    return send_on


def _is_post_to(scope: Scope, path: str) -> bool:
    # Only POST: a link or an image of another site, which sends the cookie, can only get.
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    asked: str = scope["path"]
    return asked.removeprefix(scope.get("root_path") or "") == path


async def _answer(
    send: Send, status: int, document: dict[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    kind = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *headers]})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})
