"""Reads request bodies within limits: size and time for each, memory for each caller and for all."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from plaudit_producers.gateway.errors import GzipError
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.inflating import Inflater

_SHARES: Final = 4  # one caller may hold a quarter of the memory: its stalled uploads leave room for others


class RequestBodies:
    """The bodies of all requests that are being answered.

    Attributes:
        held: the bytes in memory now.
        max_share: the bytes that one caller may hold.
    """

    def __init__(self, max_held_bytes: int, *, largest_bytes: int, within_s: float) -> None:
        """Set the limits.

        Args:
            max_held_bytes: for all bodies together.
            largest_bytes: for one body. A caller may hold this many, or a quarter of all if that is more.
            within_s: seconds that a body may take to arrive.
        """
        self._max_held = max_held_bytes
        self.max_share = max(largest_bytes, max_held_bytes // _SHARES)
        self._within_s = within_s
        self._shares: Counter[str] = Counter()
        self._reading: dict[_HeldBody, asyncio.Task[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0

    @contextlib.asynccontextmanager
    async def read_body(
        self, request: Request, limit: int, caller: str, *, gzipped: bool = False
    ) -> AsyncIterator[bytes]:
        """The body. It counts against the memory limits until the block ends.

        Args:
            limit: the bytes that this body may have.
            caller: the memory share that it counts against.
            gzipped: inflate it; the limits hold for what comes out.

        Raises:
            Problem: 413 as soon as the body is known to be over `limit`, 408 when it did not arrive in time,
                422 when the client disconnected, 429 when the caller holds too much memory, 503 when all
                callers together do, and 400 when it is not gzip as announced.
        """
        if announced_bytes(request) > limit:
            # The connection stays open: a client that is still sending would miss the answer if it closed.
            raise _too_large(limit)
        body = _HeldBody(caller)
        try:
            yield await self._read(request, limit, body, Inflater() if gzipped else None)
        finally:
            self._release(body)

    async def _read(
        self, request: Request, limit: int, body: "_HeldBody", inflater: Inflater | None
    ) -> bytes:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a request runs in a task
        body.deadline = asyncio.get_running_loop().time() + self._within_s
        self._reading[body] = task
        if self._timer is None:
            self._set_timer(body.deadline)
        try:
            return await self._read_chunks(request, limit, body, inflater)
        except asyncio.CancelledError:
            if not body.late:
                raise  # somebody else cancelled the request
            task.uncancel()  # our own cancellation: the task goes on, and answers 408
            detail = f"the body took longer than {self._within_s:g} s; send less at once"
            raise Problem(408, detail, closes=True) from None
        finally:
            del self._reading[body]

    def _set_timer(self, when: float) -> None:
        # One timer for all bodies: a timer for each would cost more than reading the body.
        self._timer = asyncio.get_running_loop().call_at(when, self._cut_late)

    def _cut_late(self) -> None:
        """Stop reading the bodies that are late, and set the timer for the next deadline."""
        self._timer, now = None, asyncio.get_running_loop().time()
        for body, task in self._reading.items():  # in order of deadlines: each gets the same time
            if body.late:
                continue
            if body.deadline > now:
                self._set_timer(body.deadline)
                return
            body.late = True
            task.cancel()

    async def _read_chunks(
        self, request: Request, limit: int, body: "_HeldBody", inflater: Inflater | None
    ) -> bytes:
        chunks = []
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise Problem(422, "the client disconnected before it had sent the whole body")
            chunk, is_last = message.get("body", b""), not message.get("more_body", False)
            if inflater is not None:
                if inflater.read_bytes + len(chunk) > limit:
                    raise _too_large(limit, closes=True)
                chunk = _inflated(inflater, chunk, limit + 1 - body.size, is_last=is_last)
            chunks.append(chunk)
            self._hold(body, len(chunk), limit)
            if is_last:
                return b"".join(chunks)

    def _hold(self, body: "_HeldBody", size: int, limit: int) -> None:
        body.size += size
        self.held += size
        self._shares[body.caller] += size
        if body.size > limit:
            raise _too_large(limit, closes=True)
        if self._shares[body.caller] > self.max_share:
            detail = "this key or address has too many large requests under way"
            raise Problem(429, detail, retry_after_s=1, closes=True)
        if self.held > self._max_held:
            raise Problem(
                503, "the gateway has too many large requests under way", retry_after_s=1, closes=True
            )

    def _release(self, body: "_HeldBody") -> None:
        self.held -= body.size
        self._shares[body.caller] -= body.size
        if not self._shares[body.caller]:
            del self._shares[body.caller]


@dataclass(slots=True, eq=False)
class _HeldBody:
    """What one request holds of its caller's share. `deadline` is in seconds of the event loop's clock."""

    caller: str
    size: int = 0
    deadline: float = 0.0
    late: bool = False


def _inflated(inflater: Inflater, chunk: bytes, room: int, *, is_last: bool) -> bytes:
    try:
        found = inflater.inflate(chunk, room)
        if is_last and len(found) < room:
            inflater.finish()
    except GzipError as error:
        raise Problem(400, str(error)) from None
    return found


def _too_large(limit: int, *, closes: bool = False) -> Problem:
    return Problem(413, f"the body is larger than {limit} bytes; send several smaller ones", closes=closes)


def announced_bytes(request: Request) -> int:
    """The Content-Length of a request; 0 where it names none."""
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0
