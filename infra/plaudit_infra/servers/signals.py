"""The signals that end a command which has started servers: Ctrl-C, SIGTERM and SIGHUP."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handled_by(handler: Callable[[int, Any], None], numbers: Iterable[int]) -> Iterator[None]:
    """Let `handler` take these signals in the block; restore the former ones after it. Main thread only."""
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            # `before` is None if the former handler was not set from Python.
            signal.signal(number, before or signal.SIG_DFL)


@contextmanager
def taken_as_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt in the block."""
    with handled_by(_interrupt, (signal.SIGTERM, signal.SIGHUP)):
        yield


def ignore_ending() -> None:
    """Ignore these signals from now on: a second Ctrl-C must not leave half of the servers behind."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
