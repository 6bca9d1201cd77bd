"""Runs work of finalizers, a moment later, in a thread of its own.

The garbage collector may run a finalizer anywhere, also while its thread holds a lock that recording needs.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from plaudit_producers.integrations.guard import guarded

Work = Callable[[], object]

_EXIT_S: Final = 1.0


class DeferredWork:
    """A thread that runs what `put` is given, `delay_s` later. It starts with the first `start`."""

    def __init__(self, delay_s: float = 1.0) -> None:
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._queue: SimpleQueue[tuple[float, Work] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs. A finalizer must not call this."""
        with self._lock:
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._run, name="plaudit-deferred", daemon=True)
                self._thread.start()
                atexit.register(self.stop)

    def put(self, work: Work) -> None:
        """Have something run. Safe in a finalizer: the queue's `put` is re-entrant."""
        self._queue.put((time.monotonic() + self._delay_s, work))

    def stop(self) -> None:
        """Run at once what was put before, and end the thread. It can be started again."""
        with self._lock:
            thread, self._thread = self._thread, None
        atexit.unregister(self.stop)
        if thread is not None:
            self._stopped.set()
            self._queue.put(None)
            thread.join(_EXIT_S)

    def renew(self) -> None:
        """Start over, as a forked child must: it has no thread, and the lock may be held for ever."""
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._queue, self._thread = SimpleQueue(), None

    def _run(self) -> None:
        while (put := self._queue.get()) is not None:
            due, work = put
            self._stopped.wait(due - time.monotonic())
            guarded("recording a stream that nobody closed")(work)()


DEFERRED: Final = DeferredWork()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=DEFERRED.renew)
