"""Errors over HTTP: problem details, RFC 9457, in one place."""

import math
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"

TITLES: Final[Mapping[int, tuple[str, str]]] = {
    401: ("unauthenticated", "An API key or a browser token is needed"),
    403: ("forbidden", "The key or token does not allow this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "The path takes another method"),
    408: ("too-slow", "The request did not arrive in time"),
    413: ("too-large", "The request is too large"),
    422: ("invalid", "The request is not valid"),
    429: ("rate-limited", "Too many requests"),
    500: ("internal", "The gateway failed"),
    501: ("not-installed", "This part is not installed here"),
    503: ("unavailable", "Try again later with the same event ids"),
}
"""By status: the last part of the problem's type, and its title."""

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. After events were read there are `accepted` and `results` too.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An answer that is not the one asked for.

    Args:
        status: one of `TITLES`.
        detail: one sentence for this case, without content of events.
        retry_after_s: with 429 and 503, when to try again.
        more: further members of the body.
        closes: end the connection with the answer, and do not wait for the rest of the request.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_s: float | None = None,
        more: Mapping[str, Any] = {},
        closes: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = more
        self.closes = closes

    def response(self) -> Response:
        """The answer."""
        name, title = TITLES[self.status]
        body = {
            "type": f"urn:plaudit:problem:{name}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.closes:
            headers["Connection"] = "close"
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(orjson.dumps(body), self.status, headers, MEDIA_TYPE)
