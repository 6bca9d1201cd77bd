"""What the console's pages share: refusals, bodies and checks of requests."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from plaudit_consumers.datasets.errors import DatasetError
from plaudit_schemas.errors import PlauditError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LARGEST_BODY: Final = 10_000
"""Bytes of a request that says what to do, and holds no text of a conversation."""


class PageRefusal(Exception):  # noqa: N818  # an answer to the browser
    """A request is refused. The detail is a sentence for the person at the browser."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def answered(handle: Callable[[Request], Awaitable[Mapping[str, Any]]], failed: str) -> Any:
    """An endpoint that answers with JSON.

    Args:
        failed: what did not happen where a server does not answer, such as "Nothing was sent".
    """

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handle(request))
        except PageRefusal as refusal:
            return JSONResponse({"detail": refusal.detail}, refusal.status)
        except DatasetError as error:
            return JSONResponse({"detail": str(error)}, 422)
        except PlauditError as error:
            return JSONResponse({"detail": f"{failed}: {error}"}, 503)

    return answer


def choice(name: str, value: str, allowed: Collection[str]) -> Any:
    """A value that is one of several.

    Raises:
        PageRefusal: it is none of them.
    """
    if value not in allowed:
        raise PageRefusal(422, f"{name} must be one of {', '.join(allowed)}.")
    return value


def number(name: str, text: str, most: int) -> int:
    """A whole number from 0 to `most`.

    Raises:
        PageRefusal: it is none.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > most:
        raise PageRefusal(422, f"{name} must be a number from 0 to {most}.")
    return int(text)


async def json_body(request: Request, largest: int = LARGEST_BODY) -> Mapping[str, Any]:
    """The JSON object of a request.

    Args:
        largest: bytes.

    Raises:
        PageRefusal: there is none, or it is larger.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > largest:
            raise PageRefusal(413, "The request is too large.")
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise PageRefusal(422, "The request must be a JSON object.")
    return asked
