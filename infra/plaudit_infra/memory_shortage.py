"""What becomes of a process that gets no more memory."""

import os
import sys
import threading
from typing import Any, Final

_SAYS: Final = b"plaudit: out of memory; the process ends, so that it can be started again\n"
_FAILED: Final = 1


def end_when_out_of_memory() -> None:
    """End this process when a MemoryError is raised where no code can catch it.

    Python only prints such an error. A new thread that dies of it lets whoever started it wait for good, so
    the process would neither work nor end.
    """
    unraisable, uncaught = sys.unraisablehook, threading.excepthook

    def on_unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        _end_if(arguments.exc_type)
        unraisable(arguments)

    def on_uncaught(arguments: "threading.ExceptHookArgs") -> None:
        _end_if(arguments.exc_type)
        uncaught(arguments)

    sys.unraisablehook, threading.excepthook = on_unraisable, on_uncaught


def _end_if(kind: type[Any]) -> None:
    if issubclass(kind, MemoryError):
        os.write(2, _SAYS)  # no print, and no exit in good order: both need memory
        os._exit(_FAILED)
