"""Reading requests' bodies within bounds: of each one's size and time, and of the memory for all together."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from plaudit_producers.gateway.problems import Problem

_SHARES = 4


class Bodies:
    """The bodies of all requests that are being answered.

    Attributes:
        held: their bytes, now.
    """

    def __init__(self, max_held_bytes: int, *, largest_bytes: int, within_s: float) -> None:
        """`largest_bytes`: of one body; a caller may always hold so many, else a quarter of all.

        `within_s`: how long a body may take to arrive.
        """
        self._max_held = max_held_bytes
        self._max_share = max(largest_bytes, max_held_bytes // _SHARES)
        self._within_s = within_s
        self._shares: Counter[str] = Counter()
        self._reading: dict[_Hold, asyncio.Task[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request, limit: int, caller: str) -> AsyncIterator[bytes]:
        """The body, which counts as held until the block ends; `caller` is whose share it takes.

        Raises:
            Problem: 413 as soon as it is known to be over `limit`; 408 when it is not there in time; 429 when
                the caller holds too much already, 503 when all do.
        """
        if _announced(request) > limit:
            raise too_large(limit)  # and leave the connection open: who still writes would not see the answer
        hold = _Hold(caller)
        try:
            yield await self._read(request, limit, hold)
        finally:
            self._release(hold)

    async def _read(self, request: Request, limit: int, hold: "_Hold") -> bytes:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a request has one
        hold.deadline = asyncio.get_running_loop().time() + self._within_s
        self._reading[hold] = task
        if self._timer is None:
            self._cut_at(hold.deadline)
        try:
            return await self._whole(request, limit, hold)
        except asyncio.CancelledError:
            if not hold.late:
                raise
            task.uncancel()
            detail = f"the body took longer than {self._within_s:g} s; send less at once"
            raise Problem(408, detail, closes=True) from None
        finally:
            del self._reading[hold]

    def _cut_at(self, when: float) -> None:
        # One timer for all: one for each body would cost more than to read it.
        self._timer = asyncio.get_running_loop().call_at(when, self._cut)

    def _cut(self) -> None:
        """End the reading of what takes too long; look again when the next one may."""
        self._timer, now = None, asyncio.get_running_loop().time()
        for hold, task in self._reading.items():  # in the order of their deadlines
            if hold.late:
                continue
            if hold.deadline > now:
                self._cut_at(hold.deadline)
                return
            hold.late = True
            task.cancel()

    async def _whole(self, request: Request, limit: int, hold: "_Hold") -> bytes:
        chunks = []
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise Problem(422, "the client went away before its request was whole")
            chunks.append(message.get("body", b""))
            self._take(hold, len(chunks[-1]), limit)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _take(self, hold: "_Hold", size: int, limit: int) -> None:
        hold.size += size
        self.held += size
        self._shares[hold.caller] += size
        if hold.size > limit:
            raise too_large(limit, closes=True)
        if self._shares[hold.caller] > self._max_share:
            detail = "too much of this key or address is under way"
            raise Problem(429, detail, retry_after_s=1, closes=True)
        if self.held > self._max_held:
            raise Problem(503, "too many large requests at once", retry_after_s=1, closes=True)

    def _release(self, hold: "_Hold") -> None:
        self.held -= hold.size
        self._shares[hold.caller] -= hold.size
        if not self._shares[hold.caller]:
            del self._shares[hold.caller]


@dataclass(slots=True, eq=False)
class _Hold:
    """What one request holds of its caller's share, and until when it may be read, by the loop's clock."""

    caller: str
    size: int = 0
    deadline: float = 0.0
    late: bool = False


def too_large(limit: int, *, closes: bool = False) -> Problem:
    """The problem of a body over its limit."""
    return Problem(413, f"the body is larger than {limit} bytes; send several smaller ones", closes=closes)


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0
