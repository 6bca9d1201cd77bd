"""The producer's own thread: it serves the reports of librdkafka's client, and lets the outbox work."""

from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Event, Lock, Thread
from typing import Final

from plaudit_schemas.kafka.producer import Connect, FatalClientError, Report
from plaudit_schemas.kafka.replaceable import ReplaceableClient

from plaudit_producers.sdk.outbox import log

_POLL_S: Final = 0.1
_AFTER_ERROR_S: Final = 1.0


class ClientThread:
    """One client, and a daemon thread that polls it; `start` makes both.

    After each round of reports the thread calls `step`. A client that has failed for good stays, and takes
    nothing, until the outbox calls `client.replace`.
    """

    def __init__(self, topic: str, connect: Connect, step: Callable[[], None]) -> None:
        self.client = ReplaceableClient(connect)
        self._topic = topic
        self._step = step
        self._lock = Lock()
        self._room = Condition()
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Connect, without waiting for Kafka, and start the thread. Idempotent.

        Raises:
            SettingsError: librdkafka refuses the settings.
        """
        with self._lock:
            if self._thread is None:
                self.client.connect()
                self._thread = Thread(target=self._serve, name="plaudit-producer", daemon=True)
                self._thread.start()

    def produce(self, key: bytes, payload: bytes, report: Report) -> bool:
        """Hand an event to librdkafka; False where its queue is full.

        Raises:
            FatalClientError: replace the client, then try again.
            KafkaException: librdkafka does not take this event now, or (`is_refused`) ever.
        """
        if self._thread is None:
            self.start()
        try:
            self.client.produce(self._topic, payload, key, report)
        except BufferError:
            return False
        return True

    def flush(self, timeout: float) -> None:
        """Have everything sent now. Reports may be served on the caller's thread."""
        self.client.serve_retired()
        with suppress(FatalClientError):  # the next `step` finds the client failed
            self.client.flush(timeout)

    def wait_for_room(self, timeout: float) -> None:
        """Block until events were reported on, at most `timeout` seconds."""
        with self._room:
            self._room.wait(timeout)

    def stop(self) -> None:
        """End the thread and let go of the client; what waits in it is reported as purged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.client.retire()
        self.client.serve_retired()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                if self._poll():
                    with self._room:
                        self._room.notify_all()
                self.client.serve_retired()
                self._step()
            except Exception:
                log.exception("the producer's thread goes on after an error")
                self._stop.wait(_AFTER_ERROR_S)

    def _poll(self) -> int:
        try:
            return self.client.poll(_POLL_S)
        except FatalClientError:  # `step` finds the client failed
            return 0
