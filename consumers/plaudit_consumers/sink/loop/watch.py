"""Looks every few seconds at what the loop does not see. It has a thread, because the loop may wait."""

import logging
import threading
from typing import Final

from plaudit_schemas.errors import PlauditError, ServiceUnavailableError, TopicError

from plaudit_consumers.sink.errors import LogChangedError, SinkGroupError
from plaudit_consumers.sink.loop.backlog import Backlog
from plaudit_consumers.sink.loop.company import SinkCompany
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.loop.source_topic import SourceTopic

log = logging.getLogger("plaudit.sink")

_EVERY_S: Final = 10.0


class SinkWatch:
    """Watches the topic, the group and what waits in Kafka.

    A topic that was made anew and a member that writes elsewhere end the sink. Settings of the topic that
    lose conversations make it unready, and it goes on writing: to stop would lose more.

    Attributes:
        failure: why the sink must end; None while nothing was found.
    """

    def __init__(
        self,
        topic: SourceTopic,
        company: SinkCompany,
        backlog: Backlog,
        *,
        metrics: SinkMetrics,
        readiness: SinkReadiness,
    ) -> None:
        """Starts no thread yet."""
        self._topic, self._company, self._backlog = topic, company, backlog
        self._metrics, self._readiness = metrics, readiness
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.failure: PlauditError | None = None

    def start(self) -> None:
        """Start to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop to look."""
        self._closed.set()
        self._thread.join()

    def look(self) -> None:
        """Look once."""
        problem: str | None = None
        try:
            self._topic.check_id()
            problem = self._topic.settings_problem()
            self._company.check()
            self._metrics.show_oldest_waiting(self._backlog.oldest_ms())
        except (LogChangedError, SinkGroupError) as error:
            self.failure = error
        except (ServiceUnavailableError, TopicError) as error:
            problem = str(error)
        except PlauditError as error:
            log.warning("%s", error)  # of the output: the loop finds it out too, and tells
        if problem is not None and problem != self._readiness.kafka_problem:
            log.error("%s", problem)
        self._readiness.kafka_problem = problem

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_S) and self.failure is None:
            self.look()
