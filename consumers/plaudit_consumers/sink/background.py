"""One thread for what needs no interpreter, such as encoding and compressing Parquet."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Background:
    """Runs work in order, one piece ahead, for several files at once."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pending: Future[None] | None = None

    def run(self, work: Callable[[], None]) -> "Future[None]":
        """Take on one more piece; blocks while one is under way.

        What goes wrong is the future's alone: it belongs to whoever gave the work, not to the next caller.
        """
        if self._pending is not None:
            wait([self._pending])
        self._pending = self._executor.submit(work)
        return self._pending
