"""What a worker sends to Kafka: finished conversations, dead letters, idle ends, metric snapshots."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.keys import PARTITIONER

LARGEST_BYTES: Final = 64 * 1024 * 1024
"""The largest record that a worker sends."""


class Letter(NamedTuple):
    """One record to send; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: list[tuple[str, bytes]] | None = None


class Outlet:
    """An idempotent producer whose `send` returns when Kafka has acknowledged everything.

    While Kafka is away `send` waits: nothing is dropped, and nothing after it is committed. Once Kafka has
    refused a record for good, it takes no later one either: a partition never shows what came after a gap.

    Attributes:
        away: why nothing can be sent now; None as far as the last sending told.
    """

    def __init__(self, connection: ConnectionSettings) -> None:
        self.away: str | None = None
        self._refusal: str | None = None
        self._producer = Producer(
            connection.kafka(
                **{
                    "enable.idempotence": True,
                    "enable.gapless.guarantee": True,
                    "acks": "all",
                    "partitioner": PARTITIONER,
                    "linger.ms": 1,
                    "compression.type": "lz4",
                    "message.max.bytes": LARGEST_BYTES,
                    "message.timeout.ms": 0,
                    "queue.buffering.max.messages": 1_000_000,
                    "log_level": 0,
                    "error_cb": self._note_error,
                }
            )
        )
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="outlet", daemon=True)
        self._thread.start()

    async def send(self, letters: Sequence[Letter]) -> None:
        """Send in order and wait for every acknowledgement.

        Raises:
            ServiceUnavailableError: Kafka refused a record for good; this outlet sends nothing more.
        """
        if not letters:
            return
        acks = _Acks(asyncio.get_running_loop(), len(letters), self._refused)
        for letter in letters:
            while not self._produce(letter, acks):  # noqa: ASYNC110  # librdkafka has no event for it
                await asyncio.sleep(0.01)  # its queue is full; the other thread empties it
        acknowledged = await acks.done
        self.away = None
        if not acknowledged:
            raise self._ended()

    def close(self) -> None:
        """Stop the polling thread; what was not acknowledged is sent again after a restart."""
        self._closed.set()
        self._thread.join(5)

    def _produce(self, letter: Letter, acks: "_Acks") -> bool:
        options: dict[str, Any] = {} if letter.partition is None else {"partition": letter.partition}
        if letter.headers is not None:
            options["headers"] = letter.headers
        try:
            self._producer.produce(letter.topic, letter.value, letter.key, on_delivery=acks.note, **options)
        except BufferError:
            return False
        except KafkaException as error:
            self._refused(f"{letter.topic}: {error.args[0].str()}")
            raise self._ended() from None
        return True

    def _refused(self, reason: str) -> None:
        """Keep the first reason: what is refused after it is only its consequence."""
        self._refusal = self._refusal or reason

    def _ended(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"Kafka refused a record that the worker sent, and nothing may follow it ({self._refusal}); if "
            "it is too large, raise the topic's max.message.bytes; then start the worker again"
        )

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # librdkafka's own codes are named so
            self.away = "Kafka does not answer"

    def _look_again(self) -> None:
        """Whoever has nothing to send would never hear that Kafka is back."""
        with contextlib.suppress(KafkaException):
            self._producer.list_topics(timeout=1)
            self.away = None

    def _poll(self) -> None:
        while not self._closed.is_set():
            try:
                self._producer.poll(0.1)
                if self.away is not None:
                    self._look_again()
            except KafkaException as error:  # a fatal one: the delivery reports still come
                self._refused(error.args[0].str())


class _Acks:
    """Counts deliveries in the producer's thread, and wakes the loop once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, refused: Callable[[str], None]) -> None:
        self._loop, self._left, self._refused = loop, count, refused
        self._acknowledged = True
        self.done: asyncio.Future[bool] = loop.create_future()

    def note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._acknowledged = False
            self._refused(f"{message.topic()}: {error.str()}")
        self._left -= 1
        if self._left == 0:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self._acknowledged)
