"""SIGTERM and SIGHUP, which the commands that start servers take as Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def taken_as_ctrl_c() -> Iterator[None]:
    """Both raise KeyboardInterrupt within it; afterwards they do what they did before."""
    former = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not set from Python


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
