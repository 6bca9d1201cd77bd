"""What becomes of a process that gets no more memory."""

import logging
import os
import sys
import threading
from typing import Any, Final

_SAYS: Final = b"plaudit: out of memory; the process ends, so that it can be started again\n"
_FAILED: Final = 1
_STARTS_WITHIN_S: Final = 30.0
_ONLY_LOG: Final = ("concurrent.futures", "asyncio")
"""Loggers of those who log an error of a pool's thread, of a callback or of a forgotten task, and go on."""


def end_when_out_of_memory() -> None:
    """End this process when a MemoryError is raised where no code can catch it, or a thread cannot start.

    Python only prints or logs such an error, if it has the memory for that. A new thread that dies of it lets
    whoever started it wait for good. So does a thread of a pool, which still counts as one that takes work.
    The process would neither work nor end.
    """
    unraisable, uncaught = sys.unraisablehook, threading.excepthook

    def on_unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        _end_if(arguments.exc_type)
        unraisable(arguments)

    def on_uncaught(arguments: "threading.ExceptHookArgs") -> None:
        _end_if(arguments.exc_type)
        uncaught(arguments)

    sys.unraisablehook, threading.excepthook = on_unraisable, on_uncaught
    for name in _ONLY_LOG:
        logging.getLogger(name).addFilter(_end_if_logged)
    start = threading.Thread.start

    def start_in_time(thread: Any) -> None:
        thread._started = _InTime()  # noqa: SLF001  # there is no hook for it
        start(thread)

    threading.Thread.start = start_in_time  # type: ignore[method-assign, assignment]  # it takes a thread


class _InTime(threading.Event):
    """Set by a thread that runs. `Thread.start` waits for it, without a limit."""

    def wait(self, timeout: float | None = None) -> bool:
        """As `Event.wait`; a wait without a limit ends the process after a while."""
        if timeout is not None:
            return super().wait(timeout)
        if not super().wait(_STARTS_WITHIN_S):
            _end()
        return True


def _end_if_logged(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[0] is not None:
        _end_if(record.exc_info[0])
    return True


def _end_if(kind: type[Any]) -> None:
    if issubclass(kind, MemoryError):
        _end()


def _end() -> None:
    os.write(2, _SAYS)  # no print, and no exit in good order: both need memory
    os._exit(_FAILED)
