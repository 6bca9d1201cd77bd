"""Turns a model call into the events of its conversation. Pure: ids and times follow from the call."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE, END_CONVERSATION, START_CONVERSATION
from plaudit_schemas.contract.times import micros
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.model_calls.call import CallAnswer, CallMessage, ModelCall
from plaudit_producers.model_calls.ids import answer_ids, derived_event_id, event_id_of
from plaudit_producers.model_calls.memory import KnownConversation
from plaudit_producers.model_calls.values import fitting_texts
from plaudit_producers.sdk.bodies import NamedRecord
from plaudit_producers.sdk.fitting import fitting_id, fitting_text
from plaudit_producers.sdk.values import make_plain

ERROR: Final = "error"
"""The entry of a message's metadata that says why its call failed."""
RESPONSE_ID: Final = "response_id"
"""The entry of an answer's metadata with the provider's id of the response."""


class CallEvent(NamedTuple):
    """One event of a call.

    Attributes:
        sent_id: what `CallMemory.add` remembers it by.
        message: the message that it adds, if it adds one.
    """

    record: Record
    sent_id: str
    message: CallMessage | None = None


@dataclass(frozen=True, slots=True)
class CallEvents:
    """The events of a call that are not known to have been sent, and the ids of its answers."""

    conversation_id: str
    events: tuple[CallEvent, ...]
    answer_ids: tuple[str, ...]

    @property
    def records(self) -> list[Record]:
        """The events in the form that `FeedbackProducer.emit` takes."""
        return [event.record for event in self.events]


def conversation_id_of(call: ModelCall) -> str:
    """The conversation that a call names, else one of its own: the id of its response, if it has one."""
    return fitting_id(call.conversation_id) or fitting_id(call.response_id) or new_ulid()


def events_of(
    call: ModelCall, application: str, known: KnownConversation | None = None, *, now: datetime | None = None
) -> CallEvents:
    """Make the events of a call.

    Args:
        known: what was sent of the call's conversation before, and is not sent again.
        now: the time of the events if the call has none; by default the time of this computer.
    """
    conversation_id = conversation_id_of(call)
    known = KnownConversation() if known is None else known
    # A time without a zone is local, as libraries make it.
    at = (call.started_at or now or datetime.now(UTC)).astimezone(UTC)
    events = _Events(application, conversation_id, micros(at))
    placed, place = known.placed(conversation_id, call.given)
    ids = answer_ids(conversation_id, place, call.answers)
    made = [events.start(call)]
    # Known messages are left out here already: most of a long history is known.
    made += [events.message(*each) for each in placed if each.message_id not in known]
    fields = answer_fields(call)
    for message_id, answer in zip(ids, call.answers, strict=True):
        made.append(events.answer(answer, message_id, place.parent_id, fields))
    if not call.conversation_id:
        made.append(events.end(call, ids))
    return CallEvents(conversation_id, tuple(_new_ones(made, known)), tuple(ids))


def answer_fields(call: ModelCall) -> dict[str, Any]:
    """The fields of `AddMessage` that all answers of a call share."""
    response = {RESPONSE_ID: call.response_id} if call.response_id else {}
    return {
        "model": call.model,
        "latency_ms": _duration(call.latency_ms),
        "first_token_ms": _duration(call.first_token_ms),
        "usage": call.usage,
        "parameters": _text_or_none(call.parameters),
        "tools": _text_or_none(call.tools),
        "metadata": fitting_texts({**response, **call.metadata}),
    }


class _Events:
    """Makes the events of one call."""

    def __init__(self, application: str, conversation_id: str, at: int) -> None:
        self._application = application
        self._conversation_id = conversation_id
        self._at = at

    def start(self, call: ModelCall) -> CallEvent:
        user_id, tags = fitting_id(call.user_id), fitting_texts(call.tags)
        # Another user, consent or tags are news of the same conversation, which a start can bring.
        said = [user_id or "", call.consent, *(text for entry in sorted(tags.items()) for text in entry)]
        event_id = derived_event_id(self._conversation_id, "start", *said)
        body = {"model": call.model, "user_id": user_id, "consent": call.consent, "tags": tags}
        return CallEvent(self._record(event_id, (START_CONVERSATION, body), self._at), event_id)

    def message(self, message: CallMessage, message_id: str, parent_id: str) -> CallEvent:
        body = _message_fields(message, message_id, parent_id)
        record = self._record(event_id_of(message_id), (ADD_MESSAGE, body), self._at)
        return CallEvent(record, message_id, message)

    def answer(
        self, answer: CallAnswer, message_id: str, parent_id: str, fields: dict[str, Any]
    ) -> CallEvent:
        body = {
            **_message_fields(answer.message, message_id, parent_id),
            **fields,
            "finish_reason": _text_or_none(answer.finish_reason),
            "status": answer.status,
        }
        if answer.error:
            body["metadata"] = fitting_texts({ERROR: answer.error, **fields["metadata"]})
        at = self._at + 1000 * (fields["latency_ms"] or 0)
        record = self._record(event_id_of(message_id), (ADD_MESSAGE, body), at)
        return CallEvent(record, message_id, answer.message)

    def end(self, call: ModelCall, answers: list[str]) -> CallEvent:
        failed = bool(call.answers) and all(answer.status == "error" for answer in call.answers)
        event_id = derived_event_id(self._conversation_id, "end", *answers)
        body = {"reason": "error" if failed else "closed"}
        at = self._at + 1000 * (_duration(call.latency_ms) or 0)
        return CallEvent(self._record(event_id, (END_CONVERSATION, body), at), event_id)

    def _record(self, event_id: str, body: NamedRecord, at: int) -> Record:
        return {
            "event_id": event_id,
            "application": self._application,
            "conversation_id": self._conversation_id,
            "occurred_at": at,
            "body": (body[0], make_plain(body[1])),
        }


def _message_fields(message: CallMessage, message_id: str, parent_id: str) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "parent_id": parent_id,
        "role": message.role,
        "content": fitting_text(message.content),
        "reasoning": _text_or_none(message.reasoning),
        "tool_calls": list(message.tool_calls),
        "tool_call_id": fitting_id(message.tool_call_id),
        "attachments": list(message.attachments),
    }


def _duration(milliseconds: int | None) -> int | None:
    """A duration, or None for one that a clock which was set back has made negative."""
    return None if milliseconds is None or milliseconds < 0 else int(milliseconds)


def _text_or_none(text: str | None) -> str | None:
    return None if text is None else fitting_text(text)


def _new_ones(made: list[CallEvent], known: KnownConversation) -> Iterator[CallEvent]:
    """The events that were not sent before. Equal answers of one call are one message."""
    sent: set[str] = set()
    for event in made:
        if event.sent_id not in known and event.sent_id not in sent:
            sent.add(event.sent_id)
            yield event
