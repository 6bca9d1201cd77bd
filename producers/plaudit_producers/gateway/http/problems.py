"""Errors over HTTP: problem details as in RFC 9457."""

import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
from plaudit_schemas.errors import InvalidEventError
from starlette.responses import Response

_T = TypeVar("_T")

MEDIA_TYPE: Final = "application/problem+json"

TITLES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("unreadable", "The request cannot be decoded"),
    401: ("unauthenticated", "An API key or a browser token is needed"),
    403: ("forbidden", "The key or token does not allow this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "The path takes another method"),
    408: ("too-slow", "The request did not arrive in time"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The body has another form than the path takes"),
    422: ("invalid", "The request is not valid"),
    429: ("rate-limited", "Too many requests"),
    500: ("internal", "The gateway failed"),
    501: ("not-installed", "This part is not installed here"),
    503: ("unavailable", "Try again later with the same event ids"),
}
"""Status -> the last part of the problem's type, and its title. Other statuses have no type of ours."""

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. If the events could be read, it also has `accepted` and `results`.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An error answer; raise it from a handler.

    Args:
        status: an HTTP status of an error.
        detail: one sentence about this case. It must not quote the content of events.
        retry_after_s: with 429 and 503, the seconds after which to try again.
        more: further members of the body.
        headers: further headers of the answer.
        closes: close the connection after the answer instead of reading the rest of the request.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_s: float | None = None,
        more: Mapping[str, Any] = {},
        headers: Mapping[str, str] = {},
        closes: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = more
        self.headers = headers
        self.closes = closes

    def response(self) -> Response:
        """The HTTP response for this problem."""
        problem_type, title = _type_and_title(self.status)
        body = {
            "type": problem_type,
            "title": title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            # The header takes whole seconds; 0 would invite a client to try again at once.
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.closes:
            headers["Connection"] = "close"
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(orjson.dumps(body), self.status, headers, MEDIA_TYPE)


def parsed_body(parse: Callable[[bytes], _T], body: bytes) -> _T:
    """What `parse` makes of a body.

    Raises:
        Problem: 422 if it raises InvalidEventError.
    """
    try:
        return parse(body)
    except InvalidEventError as error:
        raise Problem(422, str(error)) from None


def _type_and_title(status: int) -> tuple[str, str]:
    if status in TITLES:
        name, title = TITLES[status]
        return f"urn:plaudit:problem:{name}", title
    # RFC 9457: such a problem has no meaning beyond that of its status.
    title = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return "about:blank", title
