"""Repeats the check of the topics while the worker runs. Kafka being away is no fault of theirs."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of
from plaudit_schemas.topics.problems import TopicProblem

from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import LineTopics, TopicLook, look_at_topics

log = logging.getLogger("plaudit.worker")

OnLook = Callable[[], None]


class TopicWatch:
    """What the newest look at the topics found. A daemon thread looks: Kafka may take long to answer.

    Attributes:
        on_look: called in the event loop after each look.
    """

    def __init__(self, connection: ConnectionSettings, settings: WorkerSettings, start: LineTopics) -> None:
        """`start` are the topics that the state in Redis belongs to."""
        self._connection, self._settings, self._start = connection, settings, start
        self._wake = threading.Event()
        self._stopped = self._blind = False
        self._assigned = 0
        self._newest = TopicLook(start, [])
        self.on_look: OnLook = lambda: None

    @property
    def topics(self) -> LineTopics:
        """The topics at the newest look that Kafka answered."""
        return self._newest.topics

    @property
    def problems(self) -> list[TopicProblem]:
        """What was wrong with them then, risks left out."""
        return self._newest.problems

    @property
    def unsafe(self) -> str | None:
        """The most serious problem in words; None if there is none."""
        for effect in ("wrong", "loss"):
            for problem in self.problems:
                if problem.effect == effect:
                    return str(problem)
        if self._assigned > self._start.partitions:
            return f"partition {self._assigned - 1} was assigned, and the state has {self._start.partitions}"
        return None

    @property
    def stops_folding(self) -> bool:
        """Whether anything that is folded now would be wrong for good."""
        grown = self._assigned > self._start.partitions
        return grown or any(problem.effect == "wrong" for problem in self.problems)

    def note_assigned(self, partitions: int) -> None:
        """Note that the group has assigned partitions up to this number, and look at once."""
        self._assigned = max(self._assigned, partitions)
        self._wake.set()

    def start(self) -> None:
        """Start looking. Call it in the event loop."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=[loop], name="topics", daemon=True).start()

    def stop(self) -> None:
        """Stop looking. Does not wait for a look under way."""
        self._stopped = True
        self._wake.set()

    def take(self, look: TopicLook) -> None:
        """Take what a look found, and log what is new."""
        found = [problem for problem in look.problems if problem.effect != "risk"]
        for problem in found:
            if problem not in self.problems:
                log.error("%s", problem)
        for problem in self.problems:
            if problem not in found:
                log.warning("no longer so: %s: %s", problem.topic, problem.what)
        self._newest = TopicLook(look.topics, found)
        self.on_look()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        admin = admin_of(self._connection)
        while not self._stopped:
            self._wake.clear()
            try:
                look = look_at_topics(admin, self._connection, self._settings, self._start.recorded)
            except (ServiceUnavailableError, TopicError) as error:
                if not self._blind:
                    log.warning("the topics could not be looked at: %s", error)
                self._blind = True
            except Exception:
                log.exception("a look at the topics failed; the next one follows")
            else:
                self._blind = False
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(self.take, look)
            self._wake.wait(self._settings.topic_check_s)
