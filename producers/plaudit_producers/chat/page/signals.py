"""What `chat.js` tells of what people do: they copied something, or looked at an answer for so long."""

import logging
from typing import Final, Literal

from plaudit_schemas.errors import PlauditError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.session import ChatSession
from plaudit_producers.chat.visitor_cookies import VISITOR_COOKIE

log = logging.getLogger("plaudit.chat")

SIGNALS_PATH: Final = "/signals"
_LARGEST_BYTES: Final = 64 << 10  # as much as browsers let a closing page send
_LONGEST_S: Final = 24 * 3600.0


class PageSignal(BaseModel):
    """One signal of the page.

    Attributes:
        number: seconds, of `dwell_seconds`.
    """

    model_config = ConfigDict(extra="forbid")

    message_id: str = Field(max_length=128)
    name: Literal["copied", "dwell_seconds"]
    number: float | None = Field(default=None, gt=0, le=_LONGEST_S)


class PageSignals(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")

    signals: list[PageSignal] = Field(max_length=100)


async def take_signals(request: Request) -> Response:
    """Record signals about answers in the visitor's chat. Others are passed over."""
    core = _core(request)
    visitor = core.cookies.visitor_of(request.cookies.get(VISITOR_COOKIE))
    body = await _body(request)
    if visitor is None or body is None:
        return Response(status_code=400)
    try:
        given = PageSignals.model_validate_json(body)
    except ValidationError:
        return Response(status_code=400)
    session = await core.visitors.session_of(visitor)
    for signal in given.signals:
        _record(session, signal)
    return Response(status_code=204)


def _core(request: Request) -> ChatCore:
    core = request.app.state.core
    assert isinstance(core, ChatCore)  # noqa: S101  # the application made it
    return core


def _record(session: ChatSession, signal: PageSignal) -> None:
    message = session.transcript.messages.get(signal.message_id)
    if message is None or message.role != "assistant" or message.status == "partial":
        return
    if (signal.name == "dwell_seconds") != (signal.number is not None):
        return
    try:
        session.signal(message.id, signal.name, signal.number)
    except PlauditError as error:  # nobody waits for it
        log.warning("a signal was not recorded: %s", error)


async def _body(request: Request) -> bytes | None:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST_BYTES:
            return None
    return content
