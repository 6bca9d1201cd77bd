"""One thread for what needs no interpreter, such as encoding and compressing Parquet."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress


class Background:
    """Runs work in order, one piece ahead. An error comes up at a later call of `run` or `drain`."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pending: Future[None] | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Take on one more piece; blocks while one is under way."""
        self.drain()
        self._pending = self._executor.submit(work)

    def drain(self) -> None:
        """Wait for everything."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def abandon(self) -> None:
        """Wait for everything, whatever comes of it."""
        with suppress(Exception):
            self.drain()
