"""What the producers for threads and for asyncio share: making, forking, and the end of the process."""

import atexit
import os
from typing import Any, Unpack
from weakref import WeakSet

from plaudit_schemas.codec import PackagedSchemas
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.settings import load
from plaudit_schemas.topics import EVENTS

from plaudit_producers._checks import application as check_application
from plaudit_producers._checks import identifier as check_id
from plaudit_producers._delivery import DeliveryCallback
from plaudit_producers._encode import EventEncoder
from plaudit_producers._identity import IdentityHash
from plaudit_producers._kafka import KafkaOutbox
from plaudit_producers._link import Client, connector
from plaudit_producers._options import Options, ProducerOptions
from plaudit_producers._outbox import Outbox, Reporter, Stats
from plaudit_producers._pipeline import Pipeline
from plaudit_producers._redact import Redact
from plaudit_producers._registered import RegisteredId
from plaudit_producers._spooled import SpoolOutbox
from plaudit_producers.errors import BufferFullError

_live: "WeakSet[ProducerBase]" = WeakSet()
_connected: "set[ProducerBase]" = set()
"""Those in which events may wait: nobody else need hold them for their events to be sent."""


class ProducerBase:
    """A producer of one application's events; `FeedbackProducer` and `AsyncFeedbackProducer` tell all."""

    def __init__(
        self,
        application: str,
        *,
        connection: ConnectionSettings | None = None,
        on_delivery: DeliveryCallback | None = None,
        redact: Redact | None = None,
        identity: IdentityHash | None = None,
        **options: Unpack[Options],
    ) -> None:
        check_application(application, "application")
        self.application = application
        self.options = ProducerOptions.of(options)
        self._connection = connection
        self._on_delivery, self._redact, self._identity = on_delivery, redact, identity
        self._closed = False
        self._registered: RegisteredId | None = None
        self._pipeline = self._make_pipeline()
        _live.add(self)

    def stats(self) -> Stats:
        """Counts since the producer was made (in a forked child: since the fork)."""
        reporter, outbox = self._pipeline.reporter, self._pipeline.outbox
        return Stats(
            accepted=reporter.accepted,
            taken_over=reporter.taken_over,
            delivered=reporter.delivered,
            failed=reporter.failed,
            dropped=reporter.dropped,
            waiting=outbox.waiting(),
            spool_bytes=outbox.spool_bytes(),
        )

    def _make_outbox(self, reporter: Reporter, encoder: EventEncoder) -> Outbox:
        connection = self._connection or load(ConnectionSettings)
        options, topic = self.options, connection.topic_prefix + EVENTS
        make_client = connector(connection, options)
        if connection.schema_registry_url is not None:
            self._registered = RegisteredId(connection.schemas(), encoder.use_id, reporter)

        def connect() -> Client:
            client = make_client()
            self._on_connect()
            return client

        if options.spool_dir is None:
            return KafkaOutbox(topic, connect, reporter)
        return SpoolOutbox(
            topic,
            connect,
            reporter,
            root=options.spool_dir,
            max_bytes=options.spool_max_bytes,
            sync=options.spool_sync,
        )

    def _make_pipeline(self) -> Pipeline:
        reporter, encoder = Reporter(self._on_delivery), EventEncoder(PackagedSchemas())
        return Pipeline(
            self._make_outbox(reporter, encoder),
            encoder,
            reporter,
            source=self.options.source,
            identity=self._identity,
            redact=self._redact,
        )

    def _on_connect(self) -> None:
        _connected.add(self)
        if self._registered is not None:
            self._registered.start()

    def _close(self, timeout: float | None) -> int:
        self._closed = True
        try:
            return self._pipeline.close(self.options.exit_timeout_s if timeout is None else timeout)
        finally:
            if self._registered is not None:
                self._registered.stop()
            _connected.discard(self)

    def _forked(self) -> None:
        """In the child of a fork: the client, its threads, the spool and every lock are the parent's."""
        self._pipeline.outbox.abandon()
        _connected.discard(self)
        if not self._closed:
            self._pipeline = self._make_pipeline()


def check_conversation(conversation_id: str) -> str:
    """The id itself, if it is one.

    Raises:
        InvalidEventError: it is empty, too long, or no text.
    """
    check_id(conversation_id, "conversation_id")
    return conversation_id


def no_room() -> BufferFullError:
    """What both producers raise once they have waited long enough."""
    return BufferFullError("there is no room for the event: Kafka is away or too slow; send it again later")


def _close_all() -> None:
    for producer in list(_connected):
        producer._close(None)  # noqa: SLF001  # the same module


def _forked_all(*_: Any) -> None:
    for producer in list(_live):
        producer._forked()  # noqa: SLF001  # the same module


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked_all)
