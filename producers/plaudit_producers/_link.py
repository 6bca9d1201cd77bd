"""The connection to Kafka: one librdkafka client, and one thread that serves its reports."""

import ctypes
import logging
from collections.abc import Callable
from threading import Condition, Event, Lock, Thread
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.keys import PARTITIONER

from plaudit_producers._options import ProducerOptions
from plaudit_producers._outbox import log

Report = Callable[[KafkaError | None, Message], None]

_PROMISED = {"partitioner": PARTITIONER, "enable.idempotence": "true", "acks": "all"}
_POLL_S = 0.1
_AFTER_ERROR_S = 1.0


class Client(Protocol):
    """What is used of confluent-kafka's Producer."""

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Report) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def flush(self, timeout: float) -> int: ...
    def purge(self) -> None: ...
    def __len__(self) -> int: ...


Connect = Callable[[], Client]


class FatalClientError(Exception):
    """librdkafka's idempotent producer has given up for good; a new client is needed."""


def connector(connection: ConnectionSettings, options: ProducerOptions) -> Connect:
    """Makes clients; SettingsError where librdkafka refuses the settings. Nothing blocks on Kafka."""

    def connect() -> Client:
        given = connection.kafka()
        for name, promised in _PROMISED.items():
            if str(given.get(name, promised)).lower() != promised:
                raise SettingsError(
                    f"kafka_options: {name} must be {promised}, as every producer promises it"
                )
        settings = {**options.kafka(), **given, **_PROMISED}
        try:
            client: Any = Producer(settings, logger=logging.getLogger("plaudit_producers.kafka"))
        except (KafkaException, ValueError, TypeError) as error:
            raise SettingsError(f"librdkafka refuses the Kafka settings: {error}") from None
        made: Client = client
        return made

    return connect


class Link:
    """One client at a time; `step` is called on the link's thread after each round of reports."""

    def __init__(self, topic: str, connect: Connect, step: Callable[[], None]) -> None:
        self._topic = topic
        self._connect = connect
        self._step = step
        self._client: Client | None = None
        self._lock = Lock()
        self._room = Condition()
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
                self._thread = Thread(target=self._serve, name="plaudit-producer", daemon=True)
                self._thread.start()
            return self._client

    def send(self, key: bytes, payload: bytes, report: Report) -> bool:
        """Hand an event to librdkafka; False where its queue is full.

        Raises:
            FatalClientError: call `renew`, then send again.
            KafkaException: librdkafka refuses this event.
        """
        client = self._client or self.start()
        try:
            client.produce(self._topic, payload, key, on_delivery=report)
        except BufferError:
            return False
        except KafkaException as error:
            if error.args[0].fatal():
                raise FatalClientError(error.args[0].str()) from error
            raise
        return True

    def waiting(self) -> int:
        return 0 if self._client is None else len(self._client)

    def flush(self, timeout: float) -> None:
        """Ask for everything to be sent now; reports may come on the caller's thread."""
        if self._client is not None:
            self._client.flush(timeout)

    def wait_for_room(self, timeout: float) -> None:
        with self._room:
            self._room.wait(timeout)

    def notify_room(self) -> None:
        with self._room:
            self._room.notify_all()

    def renew(self) -> None:
        """Take a new client; what waits in the old one is reported as purged, on this thread."""
        with self._lock:
            old, self._client = self._client, self._connect()
        if old is not None:
            old.purge()
            old.flush(_AFTER_ERROR_S)

    def stop(self) -> None:
        """End the thread and let go of the client; what waits is reported as purged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            old, self._client = self._client, None
        if old is not None:
            old.purge()
            old.flush(_AFTER_ERROR_S)

    def abandon(self) -> None:
        # Destroying a client whose threads live in the parent would wait for them for ever.
        if self._client is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._client))

    def _serve(self) -> None:
        while not self._stop.is_set():
            client = self._client
            try:
                if client is not None and client.poll(_POLL_S):
                    self.notify_room()
                self._step()
            except Exception:
                log.exception("the producer's thread goes on after an error")
                self._stop.wait(_AFTER_ERROR_S)
