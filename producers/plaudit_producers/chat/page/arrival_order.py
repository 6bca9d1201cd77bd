"""Lets the actions of a visitor begin in the order in which their requests came.

Gradio starts actions that wait at the same time in any order, and each waits for threads. So what somebody
said last could be recorded first.
"""

import asyncio
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from starlette.types import Scope

_KEY: Final = "plaudit.arrival"
_STALLED_S: Final = 10.0
"""An action waits so long while no other one of its visitor begins. The one before it may never: its page was
closed."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Line:
    """The actions of one visitor that have not begun. It is forgotten with their requests."""

    newest: asyncio.Future[None] | None = None
    begun: int = 0


@dataclass(frozen=True, slots=True)
class _Arrival:
    line: _Line
    before: asyncio.Future[None] | None
    begun: asyncio.Future[None]


class ArrivalOrder:
    """Notes the order of requests. Use it in one event loop."""

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()

    def note(self, scope: Scope, visitor: str) -> None:
        """A request of this visitor has come. See `turn`."""
        line = self._lines.setdefault(visitor, _Line())
        begun = asyncio.get_running_loop().create_future()
        scope[_KEY] = _Arrival(line, line.newest, begun)
        line.newest = begun


async def turn(scope: Scope) -> None:
    """Wait until the action that came before this request has begun, unless none begins any more.

    Call it last before what must keep the order, and do not wait in between. Does not wait if the request was
    not noted.
    """
    arrival = scope.get(_KEY)
    if not isinstance(arrival, _Arrival):
        return
    line, before = arrival.line, arrival.before
    while before is not None and not before.done():
        seen = line.begun
        await asyncio.wait({before}, timeout=_STALLED_S)
        if line.begun == seen:
            break
    line.begun += 1
    if not arrival.begun.done():
        arrival.begun.set_result(None)
