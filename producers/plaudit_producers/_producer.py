"""`FeedbackProducer`, for threads."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, Unpack

from plaudit_schemas.codec import Record
from plaudit_schemas.events import ConversationEvent

from plaudit_producers._base import ProducerBase, check_conversation, no_room
from plaudit_producers._bodies import StartOptions, split_options, start_body
from plaudit_producers._delivery import DeliveryCallback
from plaudit_producers._handle import Conversation, envelope
from plaudit_producers._ids import new_id
from plaudit_producers._pipeline import Packed

_LOOK_AGAIN_S = 0.1


class FeedbackProducer(ProducerBase):
    """Sends conversation events to Kafka.

    What it promises: an event that a method accepted waits in memory, or with `spool_dir` on disk,
    and goes to Kafka in the order of the calls for each conversation, once for as long as this
    process lives. **Exactly once is from Kafka's ack to the row; before the ack there is only what
    the spool holds.** Without a spool, what waits is lost with the process, and fails after
    `delivery_timeout_s` of an absent Kafka. With one, it survives kill -9, and a later producer
    with the same `spool_dir` sends it; what Kafka had taken without its ack being seen then comes
    twice, with the same event id, which readers count once. Across two producers order is not promised.

    A call never waits for Kafka while there is room; without room `when_full` decides. No thread
    runs and no file is made before the first event (or `start`, or `flush`). Safe for threads; in
    a forked child it begins anew with a client, a producer id and a spool folder of its own, and the parent's
    events stay the parent's. Leaving the `with` block and the end of the process wait up to
    `exit_timeout_s`; a process that ends by `os._exit`, as forked children of multiprocessing do,
    must call `close` itself. Nobody need hold a producer for that: one that has connected is kept until it
    is closed.

    With `PLAUDIT_SCHEMA_REGISTRY_URL` the events carry the id that the registry gives the schema, and until
    it has answered the package's own: Plaudit's readers know both, others the first. `start` asks early.

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
        options = split_options(given)
        chat = self.conversation(new_id() if conversation_id is None else conversation_id)
        record = envelope(chat.application, chat.conversation_id, start_body(given), options)
        self.emit(record, options.get("on_delivery"), enveloped=True)
        return chat

    def conversation(self, conversation_id: str) -> Conversation:
        """The handle of a conversation that was started before, here or elsewhere; sends nothing."""
        return Conversation(self, self.application, check_conversation(conversation_id))

    def send(self, event: ConversationEvent, on_delivery: DeliveryCallback | None = None) -> str:
        """Send an event made by hand, of any application; returns its id.

        Its producer and sequence are set, unless it brings either. Its source is kept.
        """
        self.emit(event.to_record(), on_delivery)
        return event.event_id

    def emit(
        self, record: Record, on_delivery: DeliveryCallback | None = None, *, enveloped: bool = False
    ) -> None:
        """Send an event's record, as `ConversationEvent.to_record` gives it; defaults may be left out.

        The record is the producer's from here on: it may be changed. `enveloped` says that all but
        the body has been checked, as the handles do.
        """
        pipeline = self._pipeline
        record = pipeline.prepare(record, enveloped=enveloped)
        if pipeline.offer(record, on_delivery):
            return
        if self.options.when_full == "drop":
            pipeline.drop(record, on_delivery)
        else:
            self._wait(lambda: pipeline.offer(record, on_delivery))

    def pack(self, record: Record, *, enveloped: bool = False) -> Packed:
        """An event's record, validated, hashed, redacted and encoded, for `send_packed`.

        For those who must know that several events are right before they send the first. The
        record brings its own producer and sequence, or has none. `enveloped` is as in `emit`.

        Raises:
            InvalidEventError, RedactionError
        """
        return self._pipeline.pack(self._pipeline.prepare(record, enveloped=enveloped))

    def send_packed(self, packed: Packed, on_delivery: DeliveryCallback | None = None) -> None:
        """Send what `pack` gave.

        Raises:
            BufferFullError: there is no room; here `drop` raises too.
            ClosedError: the producer was closed.
        """
        if not self._pipeline.offer_packed(packed, on_delivery):
            self._wait(lambda: self._pipeline.offer_packed(packed, on_delivery))

    def start(self) -> None:
        """Connect now, and take over what ended processes left in the spool. Does not wait for Kafka."""
        self._pipeline.outbox.start()

    def flush(self, timeout: float = 30.0) -> int:
        """Block until every event is acknowledged, at most `timeout` seconds; returns how many wait still."""
        return self._pipeline.outbox.flush(timeout)

    def close(self, timeout: float | None = None) -> int:
        """Flush and stop; `timeout` is `exit_timeout_s` where it is left out. Idempotent.

        Returns how many events Kafka had not acknowledged: with a spool they stay there, without one
        they have failed, and `on_delivery` was told so.
        """
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, offer: Callable[[], bool]) -> None:
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
