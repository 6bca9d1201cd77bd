"""`FeedbackProducer`, for threads."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, Unpack

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import RedactionError
from plaudit_producers.sdk.base import ProducerBase, no_room
from plaudit_producers.sdk.bodies import StartOptions, start_body, take_event_options
from plaudit_producers.sdk.conversation import Conversation
from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.event_record import event_record
from plaudit_producers.sdk.message import MessageHandle
from plaudit_producers.sdk.pipeline import PackedEvent

# The longest single wait for room. Room that is made just before the wait wakes nobody.
_LOOK_AGAIN_S = 0.1


class FeedbackProducer(ProducerBase):
    """Sends conversation events to Kafka.

    **Delivery.** An accepted event waits in memory, or with `spool_dir` on disk, until Kafka acknowledges
    it. The events of a conversation reach Kafka in the order of the calls, and each reaches it once while
    this process lives. Plaudit's exactly-once guarantee starts at Kafka's acknowledgement; until then only a
    spool protects the event. Without a spool, waiting events are lost with the process, and they fail after
    `delivery_timeout_s` without Kafka. With a spool they survive kill -9, and a later producer with the same
    `spool_dir` sends them. An event may then reach Kafka twice, if the process ended before it saw the
    acknowledgement. Both copies have the same event id, and readers count it once. There is no order between
    the events of two producers.

    **Blocking.** A call never waits for Kafka while the buffer has room. When the buffer is full,
    `when_full` decides. No thread runs and no file exists before the first event, `start` or `flush`.

    **Threads and processes.** A producer is thread-safe. In a forked child it starts over with its own
    client, producer id and spool folder; the parent keeps its events. Fork before the first event, or after
    a `flush`: a thread of librdkafka that connects at the moment of the fork may hold a lock of OpenSSL,
    which nobody releases in the child. The child then sends nothing and does not end. The end of a `with`
    block and of the process wait up to `exit_timeout_s`. A process that ends by `os._exit`, as forked
    children of multiprocessing do, must call `close` itself. A producer that has connected stays alive until
    it is closed, even if nothing refers to it.

    **Schema ids.** With `PLAUDIT_SCHEMA_REGISTRY_URL`, events carry the schema id from the registry. Until
    the registry has answered they carry the package's own id. Plaudit's readers know both ids; other readers
    know only the registry's. `start` asks the registry early.

    Args:
        application: the tenant; 1 to 128 letters, digits, '.', '_' and '-'.
        connection: the addresses of Kafka and the registry; by default read from `PLAUDIT_*` variables.
        on_delivery: called with every event's Delivery; see DeliveryCallback.
        redact: changes every event before it is encoded; see Redact and redact_texts.
        identity: replaces user and rater ids by keyed hashes.
        options: see ProducerOptions.

    Raises:
        SettingsError: an option or a `PLAUDIT_*` variable is wrong.
        InvalidEventError: the application's name is invalid.
    """

    def start_conversation(
        self, conversation_id: str | None = None, **fields: Unpack[StartOptions]
    ) -> Conversation:
        """Start a conversation and return its handle. Without a `conversation_id` it gets a new ULID.

        Raises the same errors as the handle's methods; see ConversationHandle.
        """
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        chat = self.conversation(self._new_conversation_id(conversation_id))
        record = event_record(chat.application, chat.conversation_id, start_body(given), options)
        self.emit(record, options.get("on_delivery"), enveloped=True)
        return chat

    def conversation(self, conversation_id: str) -> Conversation:
        """Return the handle of a conversation that was started earlier, in any process. Sends nothing."""
        checked = self._conversation_id(conversation_id)
        return Conversation(self, self.application, checked, self.options.message_ids)

    def message(self, message_id: str) -> MessageHandle[str]:
        """Return the handle of a message, for feedback later, from any process. Sends nothing.

        It takes ids that carry their conversation: those that integrations make, and those of producers with
        `message_ids="with_conversation"`. For other ids use `producer.conversation(conversation_id)`.

        Raises:
            InvalidEventError: the id does not carry its conversation.
        """
        return MessageHandle(self.conversation(self._carried_conversation(message_id)), message_id)

    def send(self, event: ConversationEvent, on_delivery: DeliveryCallback | None = None) -> str:
        """Send an event that you built yourself, of any application. Returns its id.

        The producer sets the event's producer and sequence, unless either is set. The source is kept.
        """
        self.emit(event.to_record(), on_delivery)
        return event.event_id

    def emit(
        self, record: Record, on_delivery: DeliveryCallback | None = None, *, enveloped: bool = False
    ) -> None:
        """Send an event's record, in the form of `ConversationEvent.to_record`. Defaults may be left out.

        The producer may change the record, so do not use it afterwards. `enveloped` says that everything but
        the body is already validated; the handles use it.
        """
        try:
            self._emit(record, on_delivery, enveloped)
        except (InvalidEventError, RedactionError) as error:
            self._pipeline.reject_record(record, error, on_delivery)

    def pack(self, record: Record, *, enveloped: bool = False) -> PackedEvent:
        """Validate, hash, redact and encode an event's record, for `send_packed`.

        This is for callers that must know that several events are valid before they send the first. The
        producer sets no producer and sequence here. `enveloped` is as in `emit`.

        Raises:
            InvalidEventError: the record breaks the contract.
            RedactionError: the `redact` hook failed.
        """
        return self._pipeline.pack_record(
            self._pipeline.prepare_record(record, enveloped=enveloped, strict=True)
        )

    def send_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None = None) -> None:
        """Send what `pack` returned.

        Raises:
            BufferFullError: the buffer is full. Here `when_full="drop"` raises too.
            ClosedError: the producer was closed.
        """
        if not self._pipeline.offer_packed(packed, on_delivery):
            self._offer_until_taken(lambda: self._pipeline.offer_packed(packed, on_delivery))

    def start(self) -> None:
        """Connect without waiting for Kafka, and take over what ended processes left in the spool."""
        self._pipeline.outbox.start()

    def flush(self, timeout: float = 30.0) -> int:
        """Block until every event is acknowledged, at most `timeout` seconds. Returns how many still wait."""
        return self._pipeline.outbox.flush(timeout)

    def close(self, timeout: float | None = None) -> int:
        """Flush, at most `timeout` seconds (default `exit_timeout_s`), and stop. Idempotent.

        Returns how many events Kafka had not acknowledged. With a spool they stay in the spool. Without one
        they have failed, and `on_delivery` was called with the error.
        """
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _emit(self, record: Record, on_delivery: DeliveryCallback | None, enveloped: bool) -> None:
        pipeline = self._pipeline
        prepared = pipeline.prepare_record(record, enveloped=enveloped)
        if pipeline.offer_record(prepared, on_delivery):
            return
        if self.options.when_full == "drop":
            pipeline.drop_record(prepared, on_delivery)
        else:
            self._offer_until_taken(lambda: pipeline.offer_record(prepared, on_delivery))

    def _offer_until_taken(self, offer: Callable[[], bool]) -> None:
        limit = self.options.block_timeout_s
        deadline = None if limit is None else time.monotonic() + limit
        while self.options.when_full == "block":
            left = _LOOK_AGAIN_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                break
            self._pipeline.outbox.wait_for_room(min(left, _LOOK_AGAIN_S))
            if offer():
                return
        raise no_room()
