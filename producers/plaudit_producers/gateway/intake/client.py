"""The gateway's librdkafka client, replaced after a fatal error."""

import logging
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.page_mark import PAGE_HEADERS
from plaudit_schemas.kafka.producer import Connect, FatalClientError, Report
from plaudit_schemas.kafka.replaceable import ReplaceableClient

from plaudit_producers.gateway.intake.outcomes import OutgoingEvent

log = logging.getLogger("plaudit.gateway")

RENEW_EVERY_S: Final = 1.0
TRUSTED_AFTER_S: Final = 5.0  # a client that has lasted so long ends its trial without an event, too


class ClientGoneError(Exception):
    """There is no working client now; the event may be sent again later."""


class RenewingClient:
    """One client at a time, for one thread.

    A client that met a fatal error is replaced at once, but no sooner than `RENEW_EVERY_S` after it was made.
    So clients that fail right away are not made in a tight loop. A client that replaces another is on trial
    until it has delivered an event or lasted for `TRUSTED_AFTER_S`.
    """

    def __init__(self, connect: Connect, clock: Callable[[], float], on_lost: Callable[[], None]) -> None:
        """Make the first client. Does not wait for Kafka.

        Args:
            on_lost: called after a fatal error. The lost client reports on no event after that.

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
        """Whether there is no client, or only one that is on trial.

        While this is true, the owner must keep calling `poll`, which makes the next client.
        """
        gone = not self._client.connected
        return gone or (self._on_trial and self._clock() - self._made_at < TRUSTED_AFTER_S)

    def produce(self, topic: str, event: OutgoingEvent, report: Report) -> None:
        """Hand an event to librdkafka.

        Raises:
            BufferError: librdkafka's queue is full.
            ClientGoneError: the client met a fatal error just now, or there is no new one yet.
            KafkaException: librdkafka refuses this event.
        """
        if not self._renewed():
            raise ClientGoneError
        try:
            headers = {"headers": PAGE_HEADERS} if event.by_page else {}
            self._client.produce(topic, event.payload, event.identity[0], report, **headers)
        except FatalClientError as error:
            self._give_up(error)
            raise ClientGoneError from error

    def poll(self) -> None:
        """Serve the delivery reports that have arrived. Does not block."""
        if not self._renewed():
            return
        try:
            self._client.poll(0)
        except FatalClientError as error:
            self._give_up(error)
        except KafkaException as error:
            log.warning("librdkafka: %s", error)

    def end_trial(self) -> None:
        """Call it when Kafka has acknowledged an event: the client works."""
        self._on_trial = False

    def waiting(self) -> int:
        """Events that librdkafka holds."""
        return self._client.waiting()

    def stop(self) -> None:
        """Close the client. Events that still wait are reported as failed. May block for a second."""
        self._client.retire()
        self._client.serve_retired()

    def _give_up(self, error: FatalClientError) -> None:
        log.error("librdkafka met a fatal error; its client is replaced: %s", error)
        self._client.retire()
        self._client.serve_retired()
        self._on_lost()
        self._on_trial = True  # after the old client's last reports, which end a trial
        self._renewed()

    def _renewed(self) -> bool:
        """Whether there is a client. Makes one if there is none and `RENEW_EVERY_S` has passed."""
        if self._client.connected:
            return True
        if self._clock() - self._made_at < RENEW_EVERY_S:
            return False
        self._made_at = self._clock()
        try:
            self._client.connect()
        except PlauditError as error:
            log.warning("no new client for Kafka can be made: %s", error)
            return False
        return True
