"""Ends asyncio tasks for certain."""

import asyncio
from typing import Any, Final

_AGAIN_S: Final = 10.0  # long beside what a task does after its cancellation: a second one would cut that off


async def cancel_and_wait(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks and wait until they have ended. Their errors are left in them.

    A cancellation can be lost, so it is repeated: before Python 3.12, `asyncio.wait_for` drops it if what it
    waits for ends at that moment, and redis-py sends every command through it. A loop then never ends.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_AGAIN_S)
