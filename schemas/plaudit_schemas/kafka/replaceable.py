"""One librdkafka client at a time, and the next one when it has given up for good.

A *fatal* error ends an idempotent producer: it takes nothing more, and it loses what it holds. librdkafka
tells it twice. `produce` raises the bare code; `poll` and `flush` raise the reason, once, before they serve
the reports of the records that are lost.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Final, NoReturn

from confluent_kafka import KafkaException

from plaudit_schemas.kafka.producer import Connect, FatalClientError, ProducerClient, Report, is_fatal

_LAST_FLUSH_S: Final = 1.0


class ReplaceableClient:
    """Holds the client; its owner decides when a failed one is replaced. Safe for threads.

    A client that has failed stays, and takes nothing, until the owner calls `replace`, or `retire` and then
    `connect`. What waits in a retired client is reported as purged when `serve_retired` is called, and not
    before.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._client: ProducerClient | None = None
        self._failed: ProducerClient | None = None
        self._retired: list[ProducerClient] = []
        self._lock = Lock()

    @property
    def connected(self) -> bool:
        """Whether there is a client, be it one that has failed."""
        return self._client is not None

    @property
    def failed(self) -> bool:
        """Whether the client has failed for good, as the first call that met the error found out."""
        return self._failed is not None and self._failed is self._client

    def connect(self) -> ProducerClient:
        """Make a client where there is none. Does not wait for Kafka.

        Raises:
            SettingsError: librdkafka refuses the settings.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def produce(self, topic: str, value: bytes, key: bytes, report: Report) -> None:
        """Hand a record over; connects if there is no client.

        Raises:
            BufferError: librdkafka's queue is full.
            FatalClientError: the client has failed for good.
            KafkaException: librdkafka does not take this record now, or (`is_refused`) ever.
        """
        client = self._client
        if client is None:  # an idle client is false: its length is 0
            client = self.connect()
        try:
            client.produce(topic, value, key, on_delivery=report)
        except KafkaException as error:
            self._raise(error, client)

    def poll(self, timeout: float) -> int:
        """Serve the reports that are there, or wait for the first one; how many were served.

        Raises:
            FatalClientError: the client has failed for good. Raised once.
            KafkaException: another error of the client.
        """
        client = self._client
        return 0 if client is None else self._serve(client, client.poll, timeout)

    def flush(self, timeout: float) -> None:
        """Have everything sent now, and serve the reports.

        Raises:
            FatalClientError, KafkaException: as `poll`.
        """
        client = self._client
        if client is not None:
            self._serve(client, client.flush, timeout)

    def waiting(self) -> int:
        """Records that are not reported on, those of retired clients included."""
        return sum(map(len, self._clients()))

    def replace(self) -> None:
        """Put a new client in the place of one that has failed, and retire that one.

        Raises:
            SettingsError: librdkafka refuses the settings now; nothing has changed.
        """
        with self._lock:
            failed = self._client
            if failed is not None and self._failed is failed:
                self._client = self._connect()
                self._retired.append(failed)

    def retire(self) -> None:
        """Take the client away."""
        with self._lock:
            if self._client is not None:
                self._retired.append(self._client)
                self._client = None

    def serve_retired(self) -> None:
        """Report what waits in retired clients as purged, and let go of them. May block for a second."""
        for client in list(self._retired):
            for call in (partial(client.poll, 0), client.purge, partial(client.flush, _LAST_FLUSH_S)):
                # KafkaException: the reason of the failure, told here if nobody polled before.
                # SystemError: that error met a report half-way.
                with suppress(KafkaException, SystemError):
                    call()
            with suppress(ValueError):  # another thread may have served it at the same time
                self._retired.remove(client)

    def abandon(self) -> None:
        """In a forked child: keep every client for good. Takes no lock.

        Destroying a client waits for its threads, which live in the parent only.
        """
        for client in self._clients():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))

    def _clients(self) -> list[ProducerClient]:
        return [*self._retired, *([] if self._client is None else [self._client])]

    def _serve(self, client: ProducerClient, serve: Callable[[float], int], timeout: float) -> int:
        try:
            return serve(timeout)
        except KafkaException as error:
            self._raise(error, client)

    def _raise(self, error: KafkaException, client: ProducerClient) -> NoReturn:
        if not is_fatal(error.args[0]):
            raise error
        self._failed = client
        raise FatalClientError(error.args[0]) from error
