"""librdkafka's client, and the next one when it has given up for good.

A *fatal* error ends an idempotent producer: it takes nothing more, and what it held is lost. produce()
tells it as a plain `_FATAL`; poll() and flush() raise the reason, once, before they serve the reports.
"""

import logging
from collections.abc import Callable
from functools import partial

from confluent_kafka import KafkaException
from plaudit_schemas.errors import PlauditError

from plaudit_producers._link import Client, Connect, Report, is_fatal

log = logging.getLogger("plaudit.gateway")

RENEW_EVERY_S, TRUSTED_AFTER_S = 1.0, 5.0
_FLUSH_S = 1.0


class ClientGoneError(Exception):
    """There is no client that takes the event: it may be tried again."""


class Clients:
    """One client after another; nothing is thread-safe.

    The next one is made at once, but clients that die young no faster than one every `RENEW_EVERY_S`.
    """

    def __init__(self, connect: Connect, clock: Callable[[], float], lost: Callable[[], None]) -> None:
        """`lost` is called when a client gave up: what it has not reported by then it never will."""
        self._connect = connect
        self._clock = clock
        self._lost = lost
        self._client: Client = connect()
        self._made_at = clock()
        self._gone, self._on_trial = False, False

    @property
    def failing(self) -> bool:
        """Whether one gave up, and the next neither brought an event to Kafka nor lasted for a while.

        `poll` has to be called as long as it is so.
        """
        return self._gone or (self._on_trial and self._clock() - self._made_at < TRUSTED_AFTER_S)

    def produce(self, topic: str, payload: bytes, key: bytes, report: Report) -> None:
        """Hand an event over.

        Raises:
            BufferError: there is no room.
            ClientGoneError: librdkafka has given up, now or a moment ago.
            KafkaException: it refuses this event.
        """
        self._follow()
        if self._gone:
            raise ClientGoneError
        try:
            self._client.produce(topic, payload, key, on_delivery=report)
        except KafkaException as error:
            if not is_fatal(error.args[0]):
                raise
            self._give_up(error)
            raise ClientGoneError from error

    def poll(self) -> None:
        """Serve the reports that are there."""
        self._follow()
        if self._gone:
            return
        try:
            self._client.poll(0)
        except KafkaException as error:
            if is_fatal(error.args[0]):
                self._give_up(error)
            else:
                log.warning("librdkafka: %s", error)

    def prove(self) -> None:
        """Kafka acknowledged an event."""
        self._on_trial = False

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return len(self._client)

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed. Blocks for a moment."""
        _serve_the_last(self._client)

    def _give_up(self, error: KafkaException) -> None:
        log.error("librdkafka gave up and is replaced: %s", error)
        self._gone = True
        _serve_the_last(self._client)
        self._lost()
        self._on_trial = True  # after what the old one brought to Kafka
        self._follow()

    def _follow(self) -> None:
        if not self._gone or self._clock() - self._made_at < RENEW_EVERY_S:
            return
        self._made_at = self._clock()
        try:
            self._client = self._connect()
        except PlauditError as error:
            log.warning("no new connection to Kafka can be made: %s", error)
        else:
            self._gone = False


def _serve_the_last(client: Client) -> None:
    for call in (partial(client.poll, 0), client.purge, partial(client.flush, _FLUSH_S)):
        try:
            call()
        except (KafkaException, SystemError) as error:  # SystemError: the error met a report half-way
            log.debug("librdkafka, at its end: %s", error)
