"""Handles of conversations: one method for each kind of event, for threads and for asyncio."""

from abc import abstractmethod
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, SupportsFloat, TypeVar, Unpack, cast

from plaudit_schemas.contract.feedback import Span
from plaudit_schemas.contract.field_types import EndReason, ValueKind
from plaudit_schemas.contract.names import (
    CORRECTION,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    LABEL,
    NUMBER,
    SIGNAL,
    SPANS,
    TEXT,
    THUMB,
)
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.sdk.bodies import (
    CompareOptions,
    DecisionOptions,
    EventOptions,
    FeedbackOptions,
    Fields,
    MessageOptions,
    NamedRecord,
    UpdateOptions,
    compare_body,
    decline_body,
    exclude_body,
    feedback_body,
    message_body,
    take_event_options,
    update_body,
)
from plaudit_producers.sdk.emitters import AsyncEventEmitter, EventEmitter
from plaudit_producers.sdk.event_record import event_record
from plaudit_producers.sdk.message_ids import carrying_id
from plaudit_producers.sdk.options import MessageIds
from plaudit_producers.sdk.parents import KnownMessages
from plaudit_producers.sdk.usable_ids import is_usable_id
from plaudit_producers.sdk.values import make_plain, plain_list

R_co = TypeVar("R_co", covariant=True)


class ConversationHandle(Generic[R_co]):
    """Methods that each send one event and return an id.

    `R_co` is the type they return: a string, or for asyncio an awaitable of one.

    A method returns once the event is accepted into memory, or into the spool if there is one. The event is
    not in Kafka yet; pass `on_delivery` to learn when it is. Ids may be kept and used later, by any process:
    `producer.conversation(conversation_id).like(message_id)`. Feedback with a `message_id` of None is about
    the whole conversation.

    Handles are cheap and thread-safe. The events of a conversation keep the order of the calls.

    Values may be NumPy's or Decimals, and a model of the contract, such as a Rater, may be a dict.

    No method raises because of what a chat holds, unless the producer is strict: what breaks the contract is
    repaired, or the event is rejected, which `stats()`, the log, `on_delivery` and `on_problem` tell
    (docs/decisions/0083). A method then returns an id all the same.

    Every method raises these errors, and sends nothing then:
        UnknownFieldError: a keyword is none of this kind of event.
        BufferFullError: the buffer is full, and `when_full` is not "drop".
        ClosedError: the producer was closed.
        SpoolError: the spool's folder cannot be used.
        InvalidEventError: with `strict`, the event breaks the contract, or a value cannot be part of it.
        RedactionError: with `strict`, the `redact` hook failed.
    """

    __slots__ = ("_message_ids", "application", "conversation_id")

    def __init__(self, application: str, conversation_id: str, message_ids: MessageIds = "short") -> None:
        self.application = application
        self.conversation_id = conversation_id
        self._message_ids = message_ids

    @abstractmethod
    def _own_id(self, value: Any, field: str) -> Any:
        """The id of something new, repaired unless the producer is strict."""

    def _fit_id(self, fields: dict[str, Any], field: str) -> None:
        """Repair the id that the caller gives to something new: the method returns it."""
        value = fields.get(field)
        if value is not None and not is_usable_id(value):
            fields[field] = self._own_id(value, field)

    @abstractmethod
    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> R_co:
        """Send one event and return `returned`."""

    def _emit_message(self, body: NamedRecord, options: dict[str, Any]) -> R_co:
        """Send an `AddMessage` and return its message's id."""
        return self._emit_body(body[1]["message_id"], body, options)

    def add_message(self, role: str, content: str, **fields: Unpack[MessageOptions]) -> R_co:
        """Add a message of role user, assistant, system or tool, its content unchanged. Returns its id.

        Without a `parent_id` the handle names the last message that it added itself, where this one can be
        an answer to it: a user's after one of the assistant or the system, an assistant's after one of the
        user or a tool, and a tool's after one of the assistant or a tool. In all other cases, and in a new
        handle, the parent is the message before this one in the log.

        So two assistant messages in a row continue each other. Another answer to the same question needs its
        `parent_id`, as does a message after an older one. So does the first message of a handle, where
        several processes add messages to the conversation and the order of their events is not certain.
        """
        given = cast("dict[str, Any]", fields)  # no copy: `fields` is a new dict in each call
        options = take_event_options(given)
        if "message_id" in given:
            self._fit_id(given, "message_id")
        if self._message_ids == "with_conversation" and given.get("message_id") is None:
            given["message_id"] = carrying_id(new_ulid(), self.conversation_id)
        return self._emit_message(message_body(role, content, given), options)

    def like(
        self, message_id: str | None, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """Give a thumbs up. Returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (THUMB, {"like": True}), "thumb", {**fields})

    def dislike(
        self, message_id: str | None, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """Give a thumbs down. Returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (THUMB, {"like": False}), "thumb", {**fields})

    def rate(
        self,
        message_id: str | None,
        number: SupportsFloat,
        *,
        minimum: SupportsFloat = 1,
        maximum: SupportsFloat = 5,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Give a number from `minimum` (the worst) to `maximum` (the best). Returns the feedback's id."""
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
        """Give one or more labels, such as `correct` for aspect `accuracy`. Returns the feedback's id."""
        value = (LABEL, {"labels": plain_list(labels, "labels")})
        return self._emit_feedback(message_id, aspect, value, "label", {**fields})

    def comment(
        self,
        message_id: str | None,
        text: str,
        *,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Comment in words, in addition to any rating. Returns the feedback's id."""
        return self._emit_feedback(message_id, aspect, (TEXT, {"text": text}), "text", {**fields})

    def correct(
        self, message_id: str, content: str, *, aspect: str = "accuracy", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """Give the text that the message should have had. Returns the feedback's id."""
        value = (CORRECTION, {"content": content})
        return self._emit_feedback(message_id, aspect, value, "correction", {**fields})

    def signal(
        self,
        message_id: str | None,
        name: str,
        number: SupportsFloat | None = None,
        *,
        aspect: str = "behaviour",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Record what the user did. Returns the feedback's id.

        Names are copied, regenerated, ignored, dwell_seconds (with a number of seconds), and your own.
        """
        value = (SIGNAL, {"name": name, "number": number})
        return self._emit_feedback(message_id, aspect, value, "signal", {**fields})

    def mark_spans(
        self,
        message_id: str,
        spans: Sequence[Span | Fields],
        *,
        aspect: str = "spans",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Label parts of a message's content. Returns the feedback's id.

        Args:
            spans: each with `start` and `end` (not included) in Unicode code points, and a `label`.
        """
        value = (SPANS, {"spans": plain_list(spans, "spans")})
        return self._emit_feedback(message_id, aspect, value, "spans", {**fields})

    def withdraw(
        self,
        message_id: str | None,
        kind: ValueKind,
        *,
        aspect: str = "satisfaction",
        signal: str | None = None,
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Withdraw the feedback that the same rater gave for this message, aspect and kind.

        Signals are withdrawn by name: pass it as `signal`. Pass the aspect that the feedback was given with:
        by default that is `accuracy` for corrections and `behaviour` for signals. Returns the new feedback's
        id.
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
        """Compare messages. Returns the comparison's id.

        Args:
            candidates: message ids in the order in which the rater saw them.
            ranking: the same ids, best first. A list within it is a tie: `[b, [a, c]]`.
            fields: see CompareOptions.
        """
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        self._fit_id(given, "comparison_id")
        body = compare_body(candidates, ranking, given)
        return self._emit_body(body[1]["comparison_id"], body, options)

    def update(self, **fields: Unpack[UpdateOptions]) -> R_co:
        """Add `tags`, or set `consent` or `user_id`, after the start. Returns the event's id."""
        given: dict[str, Any] = {**fields}
        return self._emit_event(update_body, given)

    def exclude(
        self, message_id: str | None = None, *, excluded: bool = True, **fields: Unpack[DecisionOptions]
    ) -> R_co:
        """Keep a message, or without an id the conversation, out of training rows. Returns the event's id.

        With `excluded=False` it is let in again.
        """
        given: dict[str, Any] = {**fields, "message_id": message_id, "excluded": excluded}
        return self._emit_event(exclude_body, given)

    def decline_review(
        self,
        item_id: str,
        message_id: str | None = None,
        *,
        rubric: str | None = None,
        rubric_version: str | None = None,
        **fields: Unpack[DecisionOptions],
    ) -> R_co:
        """Decline an item of a review queue. Returns the event's id."""
        target = {"item_id": item_id, "message_id": message_id}
        rules = {"rubric": rubric, "rubric_version": rubric_version}
        return self._emit_event(decline_body, {**fields, **target, **rules})

    def end(self, reason: EndReason = "closed", **options: Unpack[EventOptions]) -> R_co:
        """End the conversation. A later event reopens it. Returns the event's id."""
        return self._emit_event(lambda _: (END_CONVERSATION, make_plain({"reason": reason})), {**options})

    def erase(self, reason: str = "", **options: Unpack[EventOptions]) -> R_co:
        """Erase the whole conversation downstream, permanently. Returns the event's id."""
        return self._emit_event(lambda _: (ERASE_CONVERSATION, make_plain({"reason": reason})), {**options})

    def _emit_feedback(
        self,
        message_id: str | None,
        aspect: str,
        value: NamedRecord | None,
        kind: ValueKind,
        given: dict[str, Any],
    ) -> R_co:
        options = take_event_options(given)
        if given:
            self._fit_id(given, "feedback_id")
        body = feedback_body(message_id, aspect, kind, value, given)
        return self._emit_body(body[1]["feedback"]["id"], body, options)

    def _emit_event(self, build: Any, given: dict[str, Any]) -> R_co:
        options = take_event_options(given)
        self._fit_id(options, "event_id")
        event_id = options.get("event_id")
        if event_id is None:
            event_id = options["event_id"] = new_ulid()
        return self._emit_body(event_id, build(given), options)


class Conversation(ConversationHandle[str]):
    """A conversation's handle. As a context manager it calls `end`, with `error` if the block raised."""

    __slots__ = ("_emitter", "_known")

    def __init__(
        self, emitter: EventEmitter, application: str, conversation_id: str, message_ids: MessageIds = "short"
    ) -> None:
        super().__init__(application, conversation_id, message_ids)
        self._emitter, self._known = emitter, KnownMessages()

    def _emit_message(self, body: NamedRecord, options: dict[str, Any]) -> str:
        added = self._known.add_message(body[1])
        try:
            return self._emit_body(body[1]["message_id"], body, options)
        except BaseException:
            self._known.forget_message(added)
            raise

    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        record = event_record(self.application, self.conversation_id, body, options)
        self._emitter.emit(record, options.get("on_delivery"), enveloped=True)
        return returned

    def _own_id(self, value: Any, field: str) -> Any:
        return self._emitter.own_id(value, field)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end("closed" if kind is None else "error")


class AsyncConversation(ConversationHandle[Awaitable[str]]):
    """A conversation's handle for asyncio. Await every method. See `Conversation`."""

    __slots__ = ("_emitter", "_known")

    def __init__(
        self,
        emitter: AsyncEventEmitter,
        application: str,
        conversation_id: str,
        message_ids: MessageIds = "short",
    ) -> None:
        super().__init__(application, conversation_id, message_ids)
        self._emitter, self._known = emitter, KnownMessages()

    async def _emit_message(self, body: NamedRecord, options: dict[str, Any]) -> str:
        # Here and not in the call: a coroutine that is never awaited adds no message.
        added = self._known.add_message(body[1])
        try:
            return await self._emit_body(body[1]["message_id"], body, options)
        except BaseException:
            self._known.forget_message(added)
            raise

    async def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        record = event_record(self.application, self.conversation_id, body, options)
        await self._emitter.emit(record, options.get("on_delivery"), enveloped=True)
        return returned

    def _own_id(self, value: Any, field: str) -> Any:
        return self._emitter.own_id(value, field)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end("closed" if kind is None else "error")
