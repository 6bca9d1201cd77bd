"""Waiting for a condition, never for a fixed time."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    """Wait until a condition holds. The deadline is so long that only a hang misses it.

    Args:
        what: the condition in words, for the error.

    Raises:
        AssertionError: the condition did not come to hold in time.
    """
    for _ in _until(condition, what, timeout_s):
        time.sleep(0.05)


async def come_true(condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    """`eventually` for coroutines: the event loop keeps running.

    Raises:
        AssertionError: the condition did not come to hold in time.
    """
    for _ in _until(condition, what, timeout_s):
        await asyncio.sleep(0.001)


def _until(condition: Callable[[], bool], what: str, timeout_s: float) -> Iterator[None]:
    """Yields each time that the condition does not hold yet."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
        yield


async def all_wait(*tasks: "asyncio.Future[Any]") -> None:
    """Run the event loop until every task waits for something or is done."""
    await come_true(lambda: all(task.done() or _waits(task) for task in tasks), "the tasks wait")


def _waits(task: Any) -> bool:
    return getattr(task, "_fut_waiter", None) is not None
