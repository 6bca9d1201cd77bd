"""The gateway's librdkafka client, renewed when it has given up for good."""

import logging
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.producer import Connect, FatalClientError, Report
from plaudit_schemas.kafka.replaceable import ReplaceableClient

log = logging.getLogger("plaudit.gateway")

RENEW_EVERY_S: Final = 1.0
TRUSTED_AFTER_S: Final = 5.0


class ClientGoneError(Exception):
    """There is no client that takes the event; it may be tried again."""


class RenewingClient:
    """One client after another, for one thread.

    A client that gave up is renewed at once, but no sooner than `RENEW_EVERY_S` after it was made. So clients
    that fail young are not made in a hurry. A renewed client is on trial until it has delivered an event.
    """

    def __init__(self, connect: Connect, clock: Callable[[], float], on_lost: Callable[[], None]) -> None:
        """Connect; does not wait for Kafka.

        Args:
            on_lost: called when a client gave up. It never reports on what it has not reported on by then.

        Raises:
            SettingsError: librdkafka refuses the settings.
        """
        self._client = ReplaceableClient(connect)
        self._clock = clock
        self._on_lost = on_lost
        self._client.connect()
        self._made_at = clock()
        self._on_trial = False

    @property
    def failing(self) -> bool:
        """Whether a client gave up, and the next one has neither delivered an event nor lasted for a while.

        While it is so, the owner has to call `poll`.
        """
        gone = not self._client.connected
        return gone or (self._on_trial and self._clock() - self._made_at < TRUSTED_AFTER_S)

    def produce(self, topic: str, payload: bytes, key: bytes, report: Report) -> None:
        """Hand an event over.

        Raises:
            BufferError: there is no room.
            ClientGoneError: librdkafka has given up, now or a moment ago.
            KafkaException: it refuses this event.
        """
        if not self._renewed():
            raise ClientGoneError
        try:
            self._client.produce(topic, payload, key, report)
        except FatalClientError as error:
            self._give_up(error)
            raise ClientGoneError from error

    def poll(self) -> None:
        """Serve the reports that are there."""
        if not self._renewed():
            return
        try:
            self._client.poll(0)
        except FatalClientError as error:
            self._give_up(error)
        except KafkaException as error:
            log.warning("librdkafka: %s", error)

    def end_trial(self) -> None:
        """Kafka acknowledged an event."""
        self._on_trial = False

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._client.waiting()

    def stop(self) -> None:
        """Let go of Kafka; what waits is reported as failed. Blocks for a moment."""
        self._client.retire()
        self._client.serve_retired()

    def _give_up(self, error: FatalClientError) -> None:
        log.error("librdkafka gave up and is replaced: %s", error)
        self._client.retire()
        self._client.serve_retired()
        self._on_lost()
        self._on_trial = True  # after the old client's last reports, which end a trial
        self._renewed()

    def _renewed(self) -> bool:
        """Whether there is a client; makes one if there is none and the time has come."""
        if self._client.connected:
            return True
        if self._clock() - self._made_at < RENEW_EVERY_S:
            return False
        self._made_at = self._clock()
        try:
            self._client.connect()
        except PlauditError as error:
            log.warning("no new connection to Kafka can be made: %s", error)
            return False
        return True
