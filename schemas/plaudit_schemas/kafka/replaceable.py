"""A librdkafka producer client that can be replaced after a fatal error.

After a *fatal* error an idempotent producer takes no more records, and the records that it holds are lost.
`produce` then raises the bare code `_FATAL`. `poll` and `flush` raise the reason, but only once, and before
they serve the reports of the lost records.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaException

from plaudit_schemas.kafka.producer import Connect, FatalClientError, ProducerClient, Report, is_fatal

_LAST_FLUSH_S: Final = 1.0  # time to serve the reports of purged records


class ReplaceableClient:
    """Holds the current client. Its owner decides when to replace a failed one. Thread-safe.

    A failed client stays, and takes no records, until the owner calls `replace`, or `retire` and then
    `connect`. Records that wait in a retired client are reported as purged by `serve_retired` only.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._client: ProducerClient | None = None
        self._failed: ProducerClient | None = None
        self._retired: list[ProducerClient] = []
        self._lock = Lock()

    @property
    def connected(self) -> bool:
        """Whether there is a client, even a failed one."""
        return self._client is not None

    @property
    def failed(self) -> bool:
        """Whether a call has found that the current client has failed for good."""
        return self._failed is not None and self._failed is self._client

    def connect(self) -> ProducerClient:
        """The client; makes one if there is none. Does not wait for Kafka.

        Raises:
            SettingsError: librdkafka refuses the settings.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def produce(self, topic: str, value: bytes, key: bytes, report: Report, **options: Any) -> None:
        """Hand a record to the client; makes one if there is none.

        Args:
            options: as librdkafka's client takes them, such as `headers`.

        Raises:
            BufferError: librdkafka's queue is full.
            FatalClientError: the client has failed for good.
            KafkaException: librdkafka does not take the record. If `is_refused`, it never will.
            SettingsError: librdkafka refuses the settings.
        """
        client = self._client
        if client is None:  # not `if not client`: its length, 0 while it is idle, makes it false
            client = self.connect()
        try:
            client.produce(topic, value, key, on_delivery=report, **options)
        except KafkaException as error:
            self._raise(error, client)

    def poll(self, timeout: float) -> int:
        """Serve the reports that are ready, or wait up to `timeout` seconds for the first.

        Returns:
            How many reports were served.

        Raises:
            FatalClientError: the client has failed for good. Raised once.
            KafkaException: another error of the client.
        """
        client = self._client
        return 0 if client is None else self._serve(client, client.poll, timeout)

    def flush(self, timeout: float) -> None:
        """Send everything now and serve the reports. Waits at most `timeout` seconds.

        Raises:
            FatalClientError: the client has failed for good. Raised once.
            KafkaException: another error of the client.
        """
        client = self._client
        if client is not None:
            self._serve(client, client.flush, timeout)

    def waiting(self) -> int:
        """The number of records without a report, in the current and in retired clients."""
        return sum(map(len, self._clients()))

    def replace(self) -> None:
        """Replace a failed client by a new one and retire the failed one. A working client stays.

        Raises:
            SettingsError: librdkafka refuses the settings now. The failed client stays.
        """
        with self._lock:
            failed = self._client
            if failed is not None and self._failed is failed:
                self._client = self._connect()
                self._failed = None
                self._retired.append(failed)

    def retire(self) -> None:
        """Retire the client. The next `connect` or `produce` makes a new one."""
        with self._lock:
            if self._client is not None:
                self._retired.append(self._client)
                self._client = self._failed = None

    def serve_retired(self) -> None:
        """Report the records that wait in retired clients as purged, and drop these clients.

        May block for a second for each client.
        """
        for client in list(self._retired):
            for call in (partial(client.poll, 0), client.purge, partial(client.flush, _LAST_FLUSH_S)):
                # KafkaException: the reason of the failure, raised here if nobody polled before.
                # SystemError: CPython raises it if that error is already set while a report is served.
                with suppress(KafkaException, SystemError):
                    call()
            with suppress(ValueError):  # another thread may have served it at the same time
                self._retired.remove(client)

    def abandon(self) -> None:
        """Keep every client for ever; for a forked child.

        Destroying a client waits for its threads, which exist in the parent only. Takes no lock, because
        the fork may have copied it while it was held.
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
        if client is self._client:
            self._failed = client
        raise FatalClientError(error.args[0]) from error
