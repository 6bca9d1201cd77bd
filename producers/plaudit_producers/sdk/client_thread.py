"""The producer's own thread. It polls librdkafka for delivery reports and runs the outbox's work."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Event, Lock, Thread, current_thread
from typing import Final

from plaudit_schemas.codec.held import with_held
from plaudit_schemas.kafka.producer import Connect, FatalClientError, Report
from plaudit_schemas.kafka.replaceable import ReplaceableClient

from plaudit_producers.sdk.outbox import log

_POLL_S: Final = 0.1  # so often the outbox's work runs, and a stop is noticed, without delivery reports
_AFTER_ERROR_S: Final = 1.0  # a pause, so that an error that repeats does not fill the log
_ENDS_WITHIN_S: Final = 30.0  # librdkafka ends a client in a second, or never in some forked children


class ClientThread:
    """One librdkafka client, and a daemon thread that polls it. `start` creates both.

    After each poll the thread calls `step`. A client that has failed for good takes no more events. It stays
    until the outbox calls `client.replace`.
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
                # A daemon: the interpreter waits for all other threads before its exit handlers run,
                # and it is an exit handler that stops this thread.
                self._thread = Thread(target=self._serve, name="plaudit-producer", daemon=True)
                self._thread.start()

    def produce(self, key: bytes, payload: bytes, report: Report) -> bool:
        """Hand an event to librdkafka. Returns False if its queue is full.

        Raises:
            FatalClientError: the client has failed for good; replace it, then try again.
            KafkaException: librdkafka does not take the event now, or (see `is_refused`) at any time.
        """
        if self._thread is None:
            self.start()
        try:
            self.client.produce(self._topic, with_held(payload, time.time_ns() // 1_000_000), key, report)
        except BufferError:
            return False
        return True

    def flush(self, timeout: float) -> None:
        """Send everything now, without lingering. Delivery reports may run on the caller's thread."""
        self.client.serve_retired()
        with suppress(FatalClientError):  # the next `step` replaces the client
            self.client.flush(timeout)

    def wait_for_room(self, timeout: float) -> None:
        """Block until delivery reports arrive, at most `timeout` seconds."""
        with self._room:
            self._room.wait(timeout)

    def stop(self) -> None:
        """Stop the thread and the client. Events that still wait in the client are reported as purged.

        Waits 30 s at most: librdkafka cannot end its client if a fork has copied a lock that it needs. The
        thread and the client are left behind then. Called by a delivery report, it does not wait.
        """
        self._stop.set()
        thread = self._thread
        if thread is None or thread is current_thread():
            return
        thread.join(_ENDS_WITHIN_S)
        if thread.is_alive():
            log.warning("librdkafka has not ended its client for %g s; it is left behind", _ENDS_WITHIN_S)

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            # Nothing else refers to the client: librdkafka destroys it here, and waits for its own threads.
            self.client.retire()
            self.client.serve_retired()

    def _turn(self) -> None:
        try:
            if self._poll():
                with self._room:
                    self._room.notify_all()
            self.client.serve_retired()
            self._step()
        except Exception:
            log.exception("the producer's thread met an error and continues")
            self._stop.wait(_AFTER_ERROR_S)

    def _poll(self) -> int:
        try:
            return self.client.poll(_POLL_S)
        except FatalClientError:  # `step` replaces the client
            return 0
