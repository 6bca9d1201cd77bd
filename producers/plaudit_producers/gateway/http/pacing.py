"""Charges a large request bit by bit, and slows it down to the rate of its key."""

import asyncio
from typing import Final

from starlette.requests import Request

from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import admit_events
from plaudit_producers.gateway.intake.events import MAX_EVENTS

_PATIENCE_S: Final = 5.0  # exporters of telemetry give up after 10


class RequestPace:
    """Charges one request as it goes on, and waits for its key's rate limit a little."""

    def __init__(self, request: Request, principal: Principal) -> None:
        self._request = request
        self._principal = principal
        self._until = asyncio.get_running_loop().time() + _PATIENCE_S
        self._began = False

    async def admit(self, count: int) -> None:
        """Charge for some events, bit by bit. It is for what makes progress if the request comes again.

        A key that is over its limit from the start is refused at once.

        Raises:
            Problem: 429 or 503.
        """
        for start in range(0, count, MAX_EVENTS):  # a full bucket can pay for so many
            await self.admit_whole(min(MAX_EVENTS, count - start))

    async def admit_whole(self, count: int) -> None:
        """Charge for events that are sent all or none. More than the bucket holds must wait until it is full.

        Raises as `admit`.
        """
        while True:
            try:
                await admit_events(self._request, self._principal, count)
            except Problem as problem:
                wait = problem.retry_after_s or 0.0
                left = self._until - asyncio.get_running_loop().time()
                if problem.status != 429 or not self._began or wait > left:
                    raise
            else:
                self._began = True
                return
            await asyncio.sleep(wait)
