"""The connection to Kafka: one librdkafka client, and one thread that serves its reports."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Event, Lock, Thread
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.keys import PARTITIONER

from plaudit_producers._logs import kafka_log
from plaudit_producers._options import ProducerOptions
from plaudit_producers._outbox import log

Report = Callable[[KafkaError | None, Message], None]

_REFUSED = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
)

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


class FatalClientError(KafkaException):
    """librdkafka's idempotent producer has given up for good; a new client is needed."""


def is_refused(error: KafkaError) -> bool:
    """Whether the event itself is the reason: sending it again would fail again."""
    return error.code() in _REFUSED


def is_fatal(error: KafkaError) -> bool:
    """Whether the client has given up for good."""
    # Only what `poll` and `flush` raise says fatal(): `produce` raises the bare code.
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  # its public name


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
            client: Any = Producer(settings, logger=kafka_log)
        except (KafkaException, ValueError, TypeError) as error:
            raise SettingsError(f"librdkafka refuses the Kafka settings: {error}") from None
        made: Client = client
        return made

    return connect


class Link:
    """One client at a time; `step` is called on the link's thread after each round of reports.

    A client that has failed for good stays, and takes nothing, until the outbox asks for a new one.
    """

    def __init__(self, topic: str, connect: Connect, step: Callable[[], None]) -> None:
        self._topic = topic
        self._connect = connect
        self._step = step
        self._client: Client | None = None
        self._failed: Client | None = None
        self._retired: list[Client] = []
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
            KafkaException: librdkafka does not take this event, now or (`is_refused`) ever.
        """
        client = self._client or self.start()
        try:
            client.produce(self._topic, payload, key, on_delivery=report)
        except BufferError:
            return False
        except KafkaException as error:
            if is_fatal(error.args[0]):
                self._failed = client
                raise FatalClientError(error.args[0]) from error
            raise
        return True

    def failed(self) -> bool:
        """Whether the client has failed for good; seen by whichever call met it first."""
        return self._failed is not None and self._failed is self._client

    def waiting(self) -> int:
        return sum(map(len, self._clients()))

    def flush(self, timeout: float) -> None:
        """Ask for everything to be sent now; reports may come on the caller's thread."""
        self._let_go()
        if self._client is not None:
            self._served(self._client, self._client.flush, timeout)

    def wait_for_room(self, timeout: float) -> None:
        with self._room:
            self._room.wait(timeout)

    def notify_room(self) -> None:
        with self._room:
            self._room.notify_all()

    def renew(self) -> None:
        """Take a new client if this one has failed; the link's thread reports what waits in it as purged."""
        with self._lock:
            if self._client is not None and self.failed():
                fresh = self._connect()
                self._retired.append(self._client)
                self._client, self._failed = fresh, None

    def stop(self) -> None:
        """End the thread and let go of the client; what waits is reported as purged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._client is not None:
                self._retired.append(self._client)
            self._client = None
        self._let_go()

    def abandon(self) -> None:
        # Destroying a client whose threads live in the parent would wait for them for ever.
        for client in self._clients():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))

    def _clients(self) -> list[Client]:
        return [*self._retired, *([] if self._client is None else [self._client])]

    def _serve(self) -> None:
        while not self._stop.is_set():
            client = self._client
            try:
                if client is not None and self._served(client, client.poll, _POLL_S):
                    self.notify_room()
                self._let_go()
                self._step()
            except Exception:
                log.exception("the producer's thread goes on after an error")
                self._stop.wait(_AFTER_ERROR_S)

    def _served(self, client: Client, serve: Callable[[float], int], timeout: float) -> int:
        """Poll or flush; either raises, once, what makes a client fail for good."""
        try:
            return serve(timeout)
        except KafkaException as error:
            if not is_fatal(error.args[0]):
                raise
            self._failed = client
            return 0

    def _let_go(self) -> None:
        for old in list(self._retired):
            old.purge()
            with suppress(KafkaException):  # what made it fail, told once more
                old.flush(_AFTER_ERROR_S)
            with suppress(ValueError):  # two threads may let go of the same one
                self._retired.remove(old)
