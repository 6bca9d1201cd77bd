"""One conversation's events, read like a chat; the same methods for threads and for asyncio."""

import time
from abc import abstractmethod
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, Unpack, cast

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import EndReason, ValueKind
from plaudit_schemas.contract.names import (
    CORRECTION,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    LABEL,
    NUMBER,
    SIGNAL,
    TEXT,
    THUMB,
)
from plaudit_schemas.contract.records import check_id
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.sdk.bodies import (
    CompareOptions,
    EventOptions,
    FeedbackOptions,
    MessageOptions,
    NamedRecord,
    UpdateOptions,
    compare_body,
    feedback_body,
    message_body,
    micros_of_zoned,
    take_event_options,
    update_body,
)
from plaudit_producers.sdk.delivery import DeliveryCallback

R_co = TypeVar("R_co", covariant=True)


class ConversationHandle(Generic[R_co]):
    """Methods that each send one event and return an id: `R` is a text, or for asyncio an awaitable of one.

    A method returns when the event is accepted into memory, or into the spool where there is one. It is not
    in Kafka then; pass `on_delivery` to hear when it is. An id that comes back may be kept and used later,
    by any process: `producer.conversation(conversation_id).like(message_id)`. Where a `message_id` is None,
    the feedback is on the whole conversation.

    Every method raises InvalidEventError for what breaks the contract, BufferFullError if `when_full` asks
    for it, ClosedError after `close`, and RedactionError. Nothing was sent then.

    Handles are cheap, and safe for threads. Events of one conversation keep the order of the calls.
    """

    __slots__ = ("application", "conversation_id")

    def __init__(self, application: str, conversation_id: str) -> None:
        self.application = application
        self.conversation_id = conversation_id

    @abstractmethod
    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> R_co:
        """Send one event and return `returned`."""

    def add_message(self, role: str, content: str, **fields: Unpack[MessageOptions]) -> R_co:
        """A message of role user, assistant, system or tool; returns its id. Content is kept to the byte."""
        given = cast("dict[str, Any]", fields)
        options = take_event_options(given)
        body = message_body(role, content, given)
        return self._emit_body(body[1]["message_id"], body, options)

    def like(
        self, message_id: str | None, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """A thumb up; returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (THUMB, {"like": True}), "thumb", {**fields})

    def dislike(
        self, message_id: str | None, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """A thumb down; returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (THUMB, {"like": False}), "thumb", {**fields})

    def rate(
        self,
        message_id: str | None,
        number: float,
        *,
        minimum: float = 1,
        maximum: float = 5,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """A number from `minimum`, the worst, to `maximum`, the best; returns the feedback's id."""
        value = (NUMBER, {"number": number, "minimum": minimum, "maximum": maximum})
        return self._emit_feedback(message_id, aspect, value, "number", {**fields})

    def label(
        self,
        message_id: str | None,
        labels: Sequence[str],
        *,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """One or more labels, such as `correct` for aspect `accuracy`; returns the feedback's id."""
        value = (LABEL, {"labels": [labels] if isinstance(labels, str) else list(labels)})
        return self._emit_feedback(message_id, aspect, value, "label", {**fields})

    def comment(
        self,
        message_id: str | None,
        text: str,
        *,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Words about a message, beside any rating of it; returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (TEXT, {"text": text}), "text", {**fields})

    def correct(
        self, message_id: str, content: str, *, aspect: str = "accuracy", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """The text that the message should have had; returns the feedback's id."""
        value = (CORRECTION, {"content": content})
        return self._emit_feedback(message_id, aspect, value, "correction", {**fields})

    def signal(
        self,
        message_id: str | None,
        name: str,
        number: float | None = None,
        *,
        aspect: str = "behaviour",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """What the user did: copied, regenerated, ignored, dwell_seconds (a number), or a name of yours."""
        value = (SIGNAL, {"name": name, "number": number})
        return self._emit_feedback(message_id, aspect, value, "signal", {**fields})

    def withdraw(
        self,
        message_id: str | None,
        kind: ValueKind,
        *,
        aspect: str = "satisfaction",
        signal: str | None = None,
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Take back what the same rater gave for message, aspect and kind (for signals also the name).

        The aspect must be the one that it was given with: `accuracy` for corrections and `behaviour` for
        signals, unless another was named. Returns the feedback's id.
        """
        given: dict[str, Any] = {**fields}
        if signal is not None:
            given["signal"] = signal
        return self._emit_feedback(message_id, aspect, None, kind, given)

    def compare(
        self,
        candidates: Sequence[str],
        ranking: Sequence[str | Sequence[str]],
        **fields: Unpack[CompareOptions],
    ) -> R_co:
        """Compare messages: the candidates as shown, the ranking best first; returns the comparison's id.

        A list within the ranking is a tie: `compare([a, b, c], [b, [a, c]])`.
        """
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        body = compare_body(candidates, ranking, given)
        return self._emit_body(body[1]["comparison_id"], body, options)

    def update(self, **fields: Unpack[UpdateOptions]) -> R_co:
        """Tell later `tags` (added to those there), `consent` or `user_id`; returns the event's id."""
        given: dict[str, Any] = {**fields}
        return self._emit_event(update_body, given)

    def end(self, reason: EndReason = "closed", **options: Unpack[EventOptions]) -> R_co:
        """End the conversation; later events reopen it. Returns the event's id."""
        return self._emit_event(lambda _: (END_CONVERSATION, {"reason": reason}), {**options})

    def erase(self, reason: str = "", **options: Unpack[EventOptions]) -> R_co:
        """Have all of this conversation erased downstream, for good. Returns the event's id."""
        return self._emit_event(lambda _: (ERASE_CONVERSATION, {"reason": reason}), {**options})

    def _emit_feedback(
        self,
        message_id: str | None,
        aspect: str,
        value: NamedRecord | None,
        kind: ValueKind,
        given: dict[str, Any],
    ) -> R_co:
        options = take_event_options(given)
        body = feedback_body(message_id, aspect, kind, value, given)
        return self._emit_body(body[1]["feedback"]["id"], body, options)

    def _emit_event(self, build: Any, given: dict[str, Any]) -> R_co:
        options = take_event_options(given)
        event_id = options.get("event_id")
        if event_id is None:
            event_id = options["event_id"] = new_ulid()
        return self._emit_body(event_id, build(given), options)


class EventEmitter(Protocol):
    """What a handle needs of its producer."""

    def emit(self, record: Record, on_delivery: DeliveryCallback | None, *, enveloped: bool) -> None: ...


class AsyncEventEmitter(Protocol):
    """What an asyncio handle needs of its producer."""

    async def emit(
        self, record: Record, on_delivery: DeliveryCallback | None, *, enveloped: bool
    ) -> None: ...


class Conversation(ConversationHandle[str]):
    """A conversation's handle; as a context manager it sends `end` (`error` where the block raised)."""

    __slots__ = ("_emitter",)

    def __init__(self, emitter: EventEmitter, application: str, conversation_id: str) -> None:
        super().__init__(application, conversation_id)
        self._emitter = emitter

    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        record = event_record(self.application, self.conversation_id, body, options)
        self._emitter.emit(record, options.get("on_delivery"), enveloped=True)
        return returned

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end("closed" if kind is None else "error")


class AsyncConversation(ConversationHandle[Awaitable[str]]):
    """A conversation's handle for asyncio: every method is awaited. See `Conversation`."""

    __slots__ = ("_emitter",)

    def __init__(self, emitter: AsyncEventEmitter, application: str, conversation_id: str) -> None:
        super().__init__(application, conversation_id)
        self._emitter = emitter

    async def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        record = event_record(self.application, self.conversation_id, body, options)
        await self._emitter.emit(record, options.get("on_delivery"), enveloped=True)
        return returned

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end("closed" if kind is None else "error")


def event_record(
    application: str, conversation_id: str, body: NamedRecord, options: dict[str, Any]
) -> Record:
    """An event's record; the pipeline adds source, producer and sequence.

    Everything but the body is valid: application and conversation id were checked when the handle was made.
    """
    event_id = at = None
    if options:
        event_id, at = options.get("event_id"), options.get("occurred_at")
        if event_id is not None:
            check_id(event_id, "event_id")
    return {
        "event_id": new_ulid() if event_id is None else event_id,
        "application": application,
        "conversation_id": conversation_id,
        "occurred_at": time.time_ns() // 1000 if at is None else micros_of_zoned(at),
        "body": body,
    }
