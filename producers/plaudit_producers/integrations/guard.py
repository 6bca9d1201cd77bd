"""Keeps our errors away from the program that is recorded."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

log: Final = logging.getLogger("plaudit_producers")

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG_EVERY_S: Final = 60.0  # for each place: a fault may come with every call
_swallowed: Final[Counter[str]] = Counter()
_logged_at: Final[dict[str, float]] = {}


class guarded:  # noqa: N801  # used like a function, as contextlib.suppress
    """Swallows, counts and logs an exception, as a context manager or as a decorator.

    A decorated function returns None then. Only an `Exception` is swallowed: a cancelled task, an interrupt
    and the end of the process pass.

    Args:
        what: names the place, such as "openai: recording a call".
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        note_error(self._what, error)
        return True

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R | None]:
        @wraps(function)
        def call(*arguments: _P.args, **keywords: _P.kwargs) -> _R | None:
            try:
                return function(*arguments, **keywords)
            except Exception as error:
                note_error(self._what, error)
                return None

        return call


def swallowed_errors() -> dict[str, int]:
    """How many exceptions were swallowed in this process, by place."""
    return dict(_swallowed)


def note_error(what: str, error: Exception) -> None:
    """Count an error of ours that the host must not see, and log it, once a minute for each place."""
    # Without a lock: at worst an error is logged twice.
    _swallowed[what] += 1
    now = time.monotonic()
    if now - _logged_at.get(what, -_LOG_EVERY_S) >= _LOG_EVERY_S:
        _logged_at[what] = now
        with suppress(Exception):  # of the program's own log handlers
            log.warning("%s failed; your program goes on without it", what, exc_info=error)
