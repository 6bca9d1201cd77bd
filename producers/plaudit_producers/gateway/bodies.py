"""Reading a request's body within bounds, of one request and of all together."""

from starlette.requests import Request

from plaudit_producers.gateway.problems import Problem


class Bodies:
    """The bodies of all requests that are being answered.

    Attributes:
        held: their bytes, now.
    """

    def __init__(self, max_held_bytes: int) -> None:
        self._max_held = max_held_bytes
        self.held = 0

    async def read(self, request: Request, limit: int) -> bytes:
        """The body; `release` its length once it is done with.

        Raises:
            Problem: 413 as soon as it is known to be over `limit`; 503 when too much is held already.
        """
        if _announced(request) > limit:
            raise too_large(limit)
        taken, chunks = 0, []
        try:
            while True:
                message = await request.receive()
                chunk = message.get("body", b"")
                taken += len(chunk)
                self.held += len(chunk)
                self._check(message["type"], taken, limit)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
        except BaseException:
            self.release(taken)
            raise

    def _check(self, kind: str, taken: int, limit: int) -> None:
        if kind == "http.disconnect":
            raise Problem(422, "the client went away before its request was whole")
        if taken > limit:
            raise too_large(limit)
        if self.held > self._max_held:
            raise Problem(503, "too many large requests at once", retry_after_s=1)

    def release(self, size: int) -> None:
        """A body of so many bytes is done with."""
        self.held -= size


def too_large(limit: int) -> Problem:
    """The problem of a body over its limit."""
    return Problem(413, f"the body is larger than {limit} bytes; send several smaller ones")


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0
