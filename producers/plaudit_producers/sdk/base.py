"""The common part of both producers: how they are put together, and what happens at a fork and at exit."""

import atexit
import os
from typing import TYPE_CHECKING, Any, Unpack, cast
from weakref import WeakSet

from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.contract.records import check_application, check_id
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.kafka.producer import ProducerClient, connector
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_producers.errors import BufferFullError
from plaudit_producers.sdk.content_policy import ContentPolicy
from plaudit_producers.sdk.content_problems import ContentProblems, ProblemCallback
from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.memory_outbox import MemoryOutbox
from plaudit_producers.sdk.message_ids import carried_conversation
from plaudit_producers.sdk.options import ProducerKeywords, ProducerOptions
from plaudit_producers.sdk.outbox import DeliveryReporter, Outbox, Stats, kafka_log
from plaudit_producers.sdk.partition_watch import PartitionWatch
from plaudit_producers.sdk.pipeline import Pipeline
from plaudit_producers.sdk.privacy import EventPrivacy
from plaudit_producers.sdk.redact import Redact
from plaudit_producers.sdk.usable_ids import usable_id
from plaudit_producers.sdk.values import plain_value

if TYPE_CHECKING:
    from plaudit_producers.sdk.registered_id import RegisteredId

# Weak, so that a producer that was never used can be garbage-collected.
_live: "WeakSet[ProducerBase]" = WeakSet()
_connected: "set[ProducerBase]" = set()
"""Producers that may hold unsent events. The set keeps them alive until they are closed."""


class ProducerBase:
    """The base of both producers. `FeedbackProducer` documents the arguments."""

    def __init__(
        self,
        application: str,
        *,
        connection: ConnectionSettings | None = None,
        on_delivery: DeliveryCallback | None = None,
        redact: Redact | None = None,
        identity: IdentityHash | None = None,
        on_problem: ProblemCallback | None = None,
        **options: Unpack[ProducerKeywords],
    ) -> None:
        self.application = plain_value(application, "application")
        check_application(self.application, "application")
        self.options = ProducerOptions.of(options)
        self._connection = connection
        self._on_delivery, self._redact, self._identity = on_delivery, redact, identity
        self._on_problem = on_problem
        self._closed = False
        self._registered: RegisteredId | None = None
        self._partition_watch: PartitionWatch | None = None
        self._aspects = read_aspects(self._aspects_file())
        self._pipeline = self._make_pipeline()
        _live.add(self)

    def stats(self) -> Stats:
        """Return counts since the producer was created, or in a forked child since the fork."""
        reporter, outbox = self._pipeline.reporter, self._pipeline.outbox
        repaired, rejected = self._problems.counts()
        return Stats(
            accepted=reporter.accepted,
            taken_over=reporter.taken_over,
            delivered=reporter.delivered,
            failed=reporter.failed,
            dropped=reporter.dropped,
            waiting=outbox.waiting(),
            spool_bytes=outbox.spool_bytes(),
            partitions_changed=self._partition_watch is not None and self._partition_watch.changed,
            repaired=repaired,
            rejected=rejected,
        )

    def own_id(self, value: Any, field: str) -> Any:
        """The id of something new, repaired unless the producer is strict. The handles use it."""
        if self.options.strict:
            return value
        return self._usable_id(value, field) or new_ulid()

    def _usable_id(self, value: Any, field: str) -> str:
        """An id that fits, made of a value; empty if none can be made. It is counted if it is another one."""
        usable, repairs = usable_id(value, field)
        if repairs:
            named = {"conversation_id": usable} if field == "conversation_id" else {}
            self._problems.note_repairs(named, repairs)
        return usable

    def _conversation_id(self, value: Any) -> str:
        """The id for the handle of a conversation. With an empty one every event is rejected."""
        return (
            checked_conversation_id(value)
            if self.options.strict
            else self._usable_id(value, "conversation_id")
        )

    def _new_conversation_id(self, value: Any) -> str:
        if value is None:
            return new_ulid()
        return self._conversation_id(value) or new_ulid()

    def _carried_conversation(self, message_id: Any) -> str:
        try:
            return carried_conversation(message_id)
        except InvalidEventError:
            if self.options.strict:
                raise
            return ""  # its handle's events are rejected, and counted

    def _make_outbox(self, reporter: DeliveryReporter, encoder: EventEncoder) -> Outbox:
        connection = self._connection or load(ConnectionSettings)
        options, topic = self.options, connection.topic_prefix + EVENTS
        watch = self._partition_watch = PartitionWatch(topic)
        make_client = connector(connection, {**options.kafka(), **watch.kafka()}, kafka_log)
        if connection.schema_registry_url is not None:
            from plaudit_producers.sdk.registered_id import RegisteredId  # noqa: PLC0415  # most have none

            self._registered = RegisteredId(connection.schemas(), encoder.use_id, reporter)

        def connect() -> ProducerClient:
            # Runs at the first event, so an unused producer is not kept alive and asks no registry.
            client = make_client()
            self._on_connect()
            return client

        if options.spool_dir is None:
            return MemoryOutbox(topic, connect, reporter)
        from plaudit_producers.spool.outbox import SpoolOutbox  # noqa: PLC0415  # most have none

        return SpoolOutbox(
            topic,
            connect,
            reporter,
            root=options.spool_dir,
            max_bytes=options.spool_max_bytes,
            sync=options.spool_sync,
        )

    def _make_pipeline(self) -> Pipeline:
        reporter, encoder = DeliveryReporter(self._on_delivery), EventEncoder(reserve_held=True)
        self._problems = ContentProblems(self._on_problem)
        policy = ContentPolicy(
            self._problems, strict=self.options.strict, when_invalid=self.options.when_invalid
        )
        return Pipeline(
            self._make_outbox(reporter, encoder),
            encoder,
            reporter,
            source=self.options.source,
            aspects=self._aspects,
            content=policy,
            privacy=EventPrivacy(self._identity, self._redact, policy),
        )

    def _aspects_file(self) -> str | None:
        self._connection = self._connection or load(ConnectionSettings)
        return self._connection.aspects

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
        """Start over in a forked child. The client, threads, spool and locks belong to the parent."""
        self._pipeline.outbox.abandon()
        _connected.discard(self)
        if not self._closed:
            self._pipeline = self._make_pipeline()


def checked_conversation_id(conversation_id: str) -> str:
    """Return the id as a plain string if it is valid.

    Raises:
        InvalidEventError: the id is empty, too long, or not a string.
    """
    plain = plain_value(conversation_id, "conversation_id")
    check_id(plain, "conversation_id")
    return cast("str", plain)


def no_room() -> BufferFullError:
    """The error that both producers raise when the buffer stays full."""
    return BufferFullError(
        "there is no room for the event: Kafka is unreachable or too slow; send it again later"
    )


def _close_all() -> None:
    for producer in list(_connected):  # a copy: `_close` removes the producer from the set
        producer._close(None)  # noqa: SLF001  # the same module


def _forked_all(*_: Any) -> None:
    for producer in list(_live):
        producer._forked()  # noqa: SLF001  # the same module


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forked_all)
