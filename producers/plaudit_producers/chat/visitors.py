"""The chat that each visitor has open."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from plaudit_producers.chat.answer_run import PAGE_ENDED
from plaudit_producers.chat.session import ChatSession

_KEPT_S: Final = 86_400
"""How long a chat is kept in memory for a page that stays open, after its last use."""


class Visitors:
    """The open chats of all visitors, in memory. What is let go is restored as after a restart."""

    def __init__(
        self,
        open_session: Callable[[str], Awaitable[ChatSession]],
        *,
        most: int,
        resume_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            open_session: makes the chat of a visitor who has none here: a restored one, or a new one.
            most: chats in memory.
            resume_s: for how long after its last use a page that is loaded again goes on with a chat.
        """
        self._open, self._most, self._resume_s, self._clock = open_session, most, resume_s, clock
        self._sessions: OrderedDict[str, asyncio.Future[ChatSession]] = OrderedDict()

    async def session_of(self, visitor: str, *, loading: bool = False) -> ChatSession:
        """The visitor's chat: the open one, that of before a restart, or a new one.

        Args:
            loading: the page is loaded. A chat that was not used for long is then left to end by the idle
                rule, and an empty one begins.
        """
        known = self._sessions.get(visitor)
        if known is not None and loading and self._is_old(known, self._resume_s):
            del self._sessions[visitor]
            known = None
        if known is None:
            self._let_go()
            known = self._sessions[visitor] = asyncio.ensure_future(self._open(visitor))
        self._sessions.move_to_end(visitor)
        try:
            return await asyncio.shield(known)
        except Exception:
            self._sessions.pop(visitor, None)
            raise

    def __len__(self) -> int:
        return len(self._sessions)

    async def stop(self) -> None:
        """Cut the answers that are being written, because the page ends."""
        for known in list(self._sessions.values()):
            if known.done() and not known.exception():
                await known.result().stop(PAGE_ENDED)

    def _is_old(self, known: "asyncio.Future[ChatSession]", limit_s: float) -> bool:
        if not known.done() or known.exception():
            return False
        session = known.result()
        return not session.busy and self._clock() - session.used_at > limit_s

    def _let_go(self) -> None:
        """Make room: first what was not used for long, then the chats that were least recently used."""
        for visitor in [one for one, known in self._sessions.items() if self._is_old(known, _KEPT_S)]:
            del self._sessions[visitor]
        for visitor in list(self._sessions):
            if len(self._sessions) < self._most:
                return
            if self._is_old(self._sessions[visitor], -1):  # done, and no answer is being written
                del self._sessions[visitor]
