"""Ends a process that should stop and hangs, and says where it hangs.

A supervisor may wait for good otherwise. librdkafka can hang while a client is destroyed, and Python waits
without a limit for the threads of a pool. What is in flight is lost as in a crash, which every process of
the line survives.
"""

import asyncio
import faulthandler
import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from types import AsyncGeneratorType
from typing import Any, Final

log = logging.getLogger("plaudit.stop")

_STOPS_WITHIN_S: Final = 90.0  # more than any stop takes that goes on
_TELLS_BEFORE_S: Final = 10.0
_is_set = False  # for the whole process, as faulthandler has one clock


def end_within(seconds: float) -> None:
    """Let the process end with exit code 1 if it still runs then; the stacks of its threads go to stderr.

    It takes the place of an earlier call. The clock runs in a thread that does not need the interpreter.
    """
    with suppress(Exception):  # there is no stderr, or no memory for the thread
        faulthandler.dump_traceback_later(seconds, exit=True)


def end_in_time(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Set the deadline of a process that is to stop. Only the first call counts: another prolongs nothing.

    Args:
        loop: if it still turns shortly before the deadline, the tasks that it waits for are logged.
    """
    global _is_set  # noqa: PLW0603  # the deadline is the process's
    if _is_set:
        return
    _is_set = True
    end_within(_STOPS_WITHIN_S)
    if loop is not None:
        loop.call_later(_STOPS_WITHIN_S - _TELLS_BEFORE_S, _log_tasks, loop)


def _log_tasks(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        places = " > ".join(_waits_at(task.get_coro()))
        log.error("the process should have ended; %s waits at %s", task.get_name(), places)


def _waits_at(waiting: Any) -> Iterator[str]:
    """Where a coroutine waits, from the outermost call on. `Task.get_stack` has only that one."""
    while waiting is not None:
        kind = next((each for each in ("cr", "gi", "ag") if hasattr(waiting, f"{each}_frame")), None)
        if kind is None:  # a future; or one step of an asynchronous generator, which only refers to it
            held = gc.get_referents(waiting)
            waiting = next((each for each in held if isinstance(each, AsyncGeneratorType)), None)
            continue
        frame = getattr(waiting, f"{kind}_frame")
        if frame is not None:
            yield f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
