"""`FeedbackProducer`, for threads."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, Unpack

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.sdk.base import ProducerBase, checked_conversation_id, no_room
from plaudit_producers.sdk.bodies import StartOptions, start_body, take_event_options
from plaudit_producers.sdk.conversation import Conversation, event_record
from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.pipeline import PackedEvent

_LOOK_AGAIN_S = 0.1


class FeedbackProducer(ProducerBase):
    """Sends conversation events to Kafka.

    **Delivery.** An event that a method accepted waits in memory, or with `spool_dir` on disk. It goes to
    Kafka in the order of the calls for each conversation, and once for as long as this process lives.
    Exactly once holds from Kafka's acknowledgement to the row; before it, only the spool keeps the event.
    Without a spool, what waits is lost with the process, and it fails when Kafka is away for
    `delivery_timeout_s`. With a spool it survives kill -9, and a later producer with the same `spool_dir`
    sends it. What Kafka had taken without the acknowledgement being seen then comes twice, with the same
    event id, and readers count it once. Between two producers no order is promised.

    **Blocking.** A call never waits for Kafka while there is room; without room `when_full` decides. No
    thread runs and no file is made before the first event, `start` or `flush`.

    **Processes.** Safe for threads. In a forked child the producer begins anew, with a client, a producer
    id and a spool folder of its own; the parent's events stay with the parent. Leaving the `with` block and
    the end of the process wait up to `exit_timeout_s`. A process that ends by `os._exit`, as forked
    children of multiprocessing do, must call `close` itself. A producer that has connected is kept alive
    until it is closed, even if nobody holds a reference to it.

    **Schema ids.** With `PLAUDIT_SCHEMA_REGISTRY_URL` events carry the id that the registry gives the schema.
    Until the registry has answered they carry the package's own id, which Plaudit's readers know as well and
    other readers do not. `start` asks the registry early.

    Args:
        application: the tenant; 1 to 128 letters, digits, '.', '_' and '-'.
        connection: where Kafka and the registry are; read from `PLAUDIT_*` where it is left out.
        on_delivery: called with every event's Delivery; see DeliveryCallback.
        redact: sees every event before it is encoded; see Redact and redact_texts.
        identity: replaces user and rater ids by keyed hashes.
        options: see ProducerOptions.

    Raises:
        SettingsError: an option or a `PLAUDIT_*` variable is wrong.
    """

    def start_conversation(
        self, conversation_id: str | None = None, **fields: Unpack[StartOptions]
    ) -> Conversation:
        """Send the start of a conversation and return its handle; without an id it gets a ULID.

        Raises what the handle's methods raise.
        """
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        chat = self.conversation(new_ulid() if conversation_id is None else conversation_id)
        record = event_record(chat.application, chat.conversation_id, start_body(given), options)
        self.emit(record, options.get("on_delivery"), enveloped=True)
        return chat

    def conversation(self, conversation_id: str) -> Conversation:
        """The handle of a conversation that was started before, here or elsewhere. Sends nothing."""
        return Conversation(self, self.application, checked_conversation_id(conversation_id))

    def send(self, event: ConversationEvent, on_delivery: DeliveryCallback | None = None) -> str:
        """Send an event made by hand, of any application; returns its id.

        The producer sets the event's producer and sequence, unless it has either. Its source is kept.
        """
        self.emit(event.to_record(), on_delivery)
        return event.event_id

    def emit(
        self, record: Record, on_delivery: DeliveryCallback | None = None, *, enveloped: bool = False
    ) -> None:
        """Send an event's record, as `ConversationEvent.to_record` gives it; defaults may be left out.

        The record belongs to the producer from here on, which may change it. `enveloped` says that all but
        the body has been checked, as the handles do.
        """
        pipeline = self._pipeline
        record = pipeline.prepare_record(record, enveloped=enveloped)
        if pipeline.offer_record(record, on_delivery):
            return
        if self.options.when_full == "drop":
            pipeline.drop_record(record, on_delivery)
        else:
            self._offer_until_taken(lambda: pipeline.offer_record(record, on_delivery))

    def pack(self, record: Record, *, enveloped: bool = False) -> PackedEvent:
        """An event's record, validated, hashed, redacted and encoded, for `send_packed`.

        For callers who must know that several events are valid before they send the first. The record has a
        producer and a sequence of its own, or none. `enveloped` is as in `emit`.

        Raises:
            InvalidEventError, RedactionError
        """
        return self._pipeline.pack_record(self._pipeline.prepare_record(record, enveloped=enveloped))

    def send_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None = None) -> None:
        """Send what `pack` gave.

        Raises:
            BufferFullError: there is no room. Here `drop` raises too.
            ClosedError: the producer was closed.
        """
        if not self._pipeline.offer_packed(packed, on_delivery):
            self._offer_until_taken(lambda: self._pipeline.offer_packed(packed, on_delivery))

    def start(self) -> None:
        """Connect now, and take over what ended processes left in the spool. Does not wait for Kafka."""
        self._pipeline.outbox.start()

    def flush(self, timeout: float = 30.0) -> int:
        """Block until every event is acknowledged, at most `timeout` seconds; returns how many still wait."""
        return self._pipeline.outbox.flush(timeout)

    def close(self, timeout: float | None = None) -> int:
        """Flush and stop; `timeout` is `exit_timeout_s` where it is left out. Idempotent.

        Returns how many events Kafka had not acknowledged. With a spool they stay there; without one they
        have failed, and `on_delivery` was called with the failure.
        """
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
