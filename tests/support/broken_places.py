"""Raises an error in our code at each place of a run where our code calls our code, one place a run."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Generic, TypeVar

import plaudit_producers

R = TypeVar("R")

_PACKAGE = Path(plaudit_producers.__file__).parent
_OURS = tuple(str(_PACKAGE / room) for room in ("integrations", "model_calls"))
_GUARD = str(_PACKAGE / "integrations" / "guard.py")


Place = tuple[CodeType, CodeType]
"""A function, and the function that calls it."""


class BrokenPlaceError(Exception):
    """Raised in our code, as a fault in it would be."""


@dataclass(frozen=True)
class BrokenRun(Generic[R]):
    """A run with one broken place.

    Attributes:
        place: the function that raised; None if the run has no more places.
        error: what reached the host.
    """

    place: str | None
    result: R | None
    error: BaseException | None


def broken_run(run: Callable[[], R], done: set[Place], spared: frozenset[str] = frozenset()) -> BrokenRun[R]:
    """Run something, and raise at the first call of our code by our code that is not done yet.

    What the host calls itself is no place: nobody can guard the call of a guard. Threads that the run starts
    are as they are.

    Args:
        done: the places of earlier runs; the one of this run is added.
        spared: the qualified names of functions that only hand on what the host does, and so are no places.
    """
    broken: list[str] = []

    def trace(frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or broken:
            return
        name, place = frame.f_code.co_qualname, _place_of(frame)
        # A finalizer runs whenever Python likes, so it is no place of the run.
        if place is None or name in spared or name.endswith(".__del__") or place in done:
            return
        done.add(place)
        broken.append(name)
        raise BrokenPlaceError(name)

    before = sys.gettrace()
    result, error = None, None
    sys.settrace(trace)
    try:
        result = run()
    except BaseException as raised:
        error = raised
    finally:
        sys.settrace(before)
    return BrokenRun(broken[0] if broken else None, result, error)


def _place_of(frame: FrameType) -> Place | None:
    caller = frame.f_back
    if caller is None:
        return None
    called, calling = frame.f_code.co_filename, caller.f_code.co_filename
    if called == _GUARD or not (called.startswith(_OURS) and calling.startswith(_OURS)):
        return None
    return frame.f_code, caller.f_code
