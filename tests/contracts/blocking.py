"""An asyncio producer behind the calls of the one for threads: one suite holds both to the contract."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plaudit_producers import AsyncConversation, AsyncFeedbackProducer


class Blocking:
    """Runs what a method returns on a loop, and waits for it; handles that come back are wrapped as well."""

    def __init__(
        self, inner: AsyncFeedbackProducer | AsyncConversation, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._inner, self._loop = inner, loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **keywords: Any) -> Any:
            result = found(*arguments, **keywords)
            if inspect.iscoroutine(result):
                result = asyncio.run_coroutine_threadsafe(result, self._loop).result()
            return Blocking(result, self._loop) if isinstance(result, AsyncConversation) else result

        return call

    def __enter__(self) -> "Blocking":
        self._run("__aenter__")
        return self

    def __exit__(self, *error: object) -> None:
        self._run("__aexit__", *error)

    def _run(self, name: str, *arguments: object) -> None:
        self.__getattr__(name)(*arguments)


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
