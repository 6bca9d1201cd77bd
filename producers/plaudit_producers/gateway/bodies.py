"""Reading a request's body within bounds, of one request and of all together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from plaudit_producers.gateway.problems import Problem


class BodyReader:
    """Reads bodies; the bytes that all requests hold at once are bounded."""

    def __init__(self, max_held_bytes: int, report: Callable[[int], None]) -> None:
        """`report` is told the bytes held now."""
        self._max_held = max_held_bytes
        self._held = 0
        self._report = report

    @asynccontextmanager
    async def read(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The body, counted as held until the block ends.

        Raises:
            Problem: 413 as soon as it is known to be over `limit`; 503 when too much is held already.
        """
        taken = 0
        chunks: list[bytes] = []
        if _announced(request) > limit:
            raise too_large(limit)
        try:
            async for chunk in _stream(request):
                taken += len(chunk)
                self._hold(len(chunk))
                if taken > limit:
                    raise too_large(limit)
                if self._held > self._max_held:
                    raise Problem(503, "too many large requests at once", retry_after_s=1)
                chunks.append(chunk)
            yield b"".join(chunks)
        finally:
            self._hold(-taken)

    def _hold(self, size: int) -> None:
        self._held += size
        self._report(self._held)


def too_large(limit: int) -> Problem:
    """The problem of a body over its limit."""
    return Problem(413, f"the body is larger than {limit} bytes; send several smaller ones")


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


async def _stream(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Problem(422, "the client went away before its request was whole") from None
