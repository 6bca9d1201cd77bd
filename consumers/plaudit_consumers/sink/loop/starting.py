"""Waits for Kafka before a sink has begun: the sink is alive, not ready, and says so once."""

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from plaudit_schemas.errors import RegistryUnavailableError, ServiceUnavailableError
from plaudit_schemas.service.wait_notice import WaitNotice

from plaudit_consumers.sink.errors import OutputUnavailableError
from plaudit_consumers.sink.loop.readiness import SinkReadiness

log = logging.getLogger("plaudit.sink")
T = TypeVar("T")

_AWAY: Final = (ServiceUnavailableError, RegistryUnavailableError, OutputUnavailableError)
_PAUSE_S: Final = 2.0


class StoppedSinkError(Exception):
    """The sink was told to stop before it had begun."""


class SinkStart:
    """Repeats what fails only because Kafka or the output does not answer."""

    def __init__(self, readiness: SinkReadiness, stop: threading.Event, *, patient: bool) -> None:
        """`patient` is false for a sink that should end by itself: nobody would see it wait."""
        self._readiness, self._stop, self._patient = readiness, stop, patient
        self._notice = WaitNotice(log)

    def once_answered(self, ask: Callable[[], T]) -> T:
        """Repeat `ask` until it is answered.

        Raises:
            StoppedSinkError: the sink was told to stop before.
            PlauditError: an answer that no waiting changes; of a sink that is not patient, any.
        """
        while True:
            try:
                answer = ask()
            except _AWAY as error:
                if not self._patient:
                    raise
                self._readiness.kafka_problem = f"waiting: {error}"
                self._notice.note(str(error))
                if self._stop.wait(_PAUSE_S):
                    raise StoppedSinkError from None
            else:
                self._readiness.kafka_problem = None
                self._notice.note(None)
                return answer
