"""The messages of a model call in the attributes and events of its span or log event.

Where several forms say the same, the newest counts. Forms, from the newest: `gen_ai.input.messages`; events
such as `gen_ai.user.message`; `gen_ai.prompt.0.content`; `gen_ai.prompt` as JSON; Vercel's
`ai.prompt.messages`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.failure_texts import failure_text
from plaudit_producers.model_calls.genai_attributes import (
    Attributes,
    finish_reasons_of,
    indexed,
    parsed,
)
from plaudit_producers.model_calls.json_messages import as_text, message_of, messages_of, tool_calls_of
from plaudit_producers.model_calls.values import first_of

CHOICE: Final = "gen_ai.choice"
_CONTENT_EVENTS: Final = ("gen_ai.content.prompt", "gen_ai.content.completion")  # their texts are attributes
DETAILS: Final = "gen_ai.client.inference.operation.details"
_EVENT_ROLES: Final[Mapping[str, str]] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
MESSAGE_EVENTS: Final = frozenset((*_EVENT_ROLES, CHOICE))
"""Events that hold one message each of the call of their span."""

_SYSTEM: Final = "gen_ai.system_instructions"
_TEXT: Final = ("ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object")
_TOOL_CALLS: Final = ("ai.response.toolCalls", "ai.result.toolCalls")
_OF_MESSAGES: Final = frozenset(("role", "content", "parts"))


class GenAiEvent(NamedTuple):
    """An event of a span, or a log event. `fields` are its attributes, or its body if that is an object."""

    name: str
    fields: Mapping[str, Any]


def given_messages(attributes: Attributes, events: Iterable[GenAiEvent] = ()) -> tuple[CallMessage, ...]:
    """The messages that a call was given."""
    events = list(events)
    attributes = _with_content_events(attributes, events)
    found = (
        _of_parts(attributes)
        or _of_events(events)
        or _of_indexed(attributes)
        or messages_of(_messages_or_text(attributes.get("gen_ai.prompt")))
        or _of_vercel(attributes)
    )
    return tuple(found)


def answers_of(
    attributes: Attributes, events: Iterable[GenAiEvent] = (), failure: str | None = None
) -> tuple[CallAnswer, ...]:
    """The answers of a call; none if telemetry holds none and the call did not fail.

    Args:
        failure: a sentence that says why the call failed; None if it did not.
    """
    events = list(events)
    attributes = _with_content_events(attributes, events)
    found = (
        _answers(parsed(attributes.get("gen_ai.output.messages")))
        or _answers(_choices(events))
        or _answers(indexed(attributes, "gen_ai.completion"))
        or _answers(_messages_or_text(attributes.get("gen_ai.completion")))
        or _answers(_vercel_answers(attributes))
    )
    return tuple(finished_answers(found, finish_reasons_of(attributes), failure))


def failure_of(
    attributes: Attributes, status_message: str | None, events: Iterable[GenAiEvent] = ()
) -> str | None:
    """A sentence that says why a call failed; None if it did not.

    Args:
        status_message: of a span with an error status, which may be empty; None for another status.
    """
    kind = attributes.get("error.type")
    if kind is None and status_message is None:
        return None
    told = status_message or next(
        (
            as_text(event.fields["exception.message"])
            for event in events
            if event.name == "exception" and event.fields.get("exception.message")
        ),
        "",
    )
    return failure_text("the call failed" if kind is None else as_text(kind), told)


def finished_answers(
    answers: Iterable[tuple[CallMessage, str | None]], reasons: Sequence[str], failure: str | None
) -> list[CallAnswer]:
    """Answers with their status. A failed call without an answer gets an empty one, which says what failed.

    Args:
        answers: each with its own finish reason, or None.
        reasons: the finish reasons of all answers, in order.
    """
    finished = []
    for number, (message, own) in enumerate(answers):
        reason = own or (reasons[number] if number < len(reasons) else None)
        finished.append(ended_answer(message, reason, failure))
    if not finished and failure is not None:
        finished.append(ended_answer(CallMessage("assistant"), failure=failure))
    return finished


def _with_content_events(attributes: Attributes, events: Iterable[GenAiEvent]) -> Attributes:
    """The attributes, with those of the events of the oldest convention: `gen_ai.prompt` and its like."""
    more: dict[str, Any] = {}
    for event in events:
        if event.name in _CONTENT_EVENTS:
            more.update(event.fields)
    return {**attributes, **more} if more else attributes


def _of_parts(attributes: Attributes) -> list[CallMessage]:
    system = parsed(attributes.get(_SYSTEM))
    given = messages_of(parsed(attributes.get("gen_ai.input.messages") or ()))
    if isinstance(system, str):
        system = [{"type": "text", "content": system}]
    leading = message_of({"role": "system", "parts": system}) if system else []
    return [*leading, *given]


def _of_events(events: Iterable[GenAiEvent]) -> list[CallMessage]:
    return [
        message
        for event in events
        if event.name in _EVENT_ROLES
        for message in message_of(_readable(event.fields), _EVENT_ROLES[event.name])
    ]


def _readable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event of a span, whose attributes hold objects as JSON."""
    return {name: parsed(value) if name != "content" else _content(value) for name, value in fields.items()}


def _of_indexed(attributes: Attributes) -> list[CallMessage]:
    return [
        message
        for value in indexed(attributes, "gen_ai.prompt")
        for message in message_of({**value, "content": _content(value.get("content"))})
    ]


def _content(value: Any) -> Any:
    """The content of a message. Older telemetry writes lists of parts as JSON."""
    found = parsed(value)
    if (
        isinstance(found, list)
        and found
        and all(isinstance(part, Mapping) and "type" in part for part in found)
    ):
        return found
    return value


def _of_vercel(attributes: Attributes) -> list[CallMessage]:
    messages = parsed(attributes.get("ai.prompt.messages"))
    if isinstance(messages, list):
        return messages_of(messages)
    prompt = parsed(attributes.get("ai.prompt"))
    if not isinstance(prompt, Mapping):
        return messages_of(prompt or ())
    system = message_of({"role": "system", "content": prompt["system"]}) if prompt.get("system") else []
    return [*system, *messages_of(prompt.get("messages") or prompt.get("prompt") or ())]


def _answers(values: Any) -> list[tuple[CallMessage, str | None]]:
    """Answers with their own finish reasons, from messages as JSON."""
    found = []
    for value in values if isinstance(values, list) else ():
        messages = message_of(_said_by_assistant(value), "assistant")
        reason = value.get("finish_reason") if isinstance(value, Mapping) else None
        found += [(message, reason if isinstance(reason, str) else None) for message in messages[:1]]
    return found


def _said_by_assistant(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {**value, "role": "assistant", "content": _content(value.get("content"))}


def _choice(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A choice as a message: in a log event it holds the message, in an event of a span it is one."""
    found = _readable(fields)
    message = found.get("message")
    if isinstance(message, str):
        message = {"content": message}
    return {**found, **message} if isinstance(message, Mapping) else found


def _choices(events: Iterable[GenAiEvent]) -> list[dict[str, Any]]:
    found = [_choice(event.fields) for event in events if event.name == CHOICE]
    return sorted(found, key=lambda choice: index if isinstance(index := choice.get("index"), int) else 0)


def _messages_or_text(value: Any) -> list[Any]:
    """Messages as JSON, or else the text of one message, which may look like JSON."""
    found = parsed(value)
    values = found if isinstance(found, list) else [found]
    if all(isinstance(each, Mapping) and each.keys() & _OF_MESSAGES for each in values):
        return values
    return [value] if isinstance(value, str) else []


def _vercel_answers(attributes: Attributes) -> list[dict[str, Any]]:
    text, calls = first_of(attributes, _TEXT), parsed(first_of(attributes, _TOOL_CALLS))
    reasoning = attributes.get("ai.response.reasoning")
    if text is None and not tool_calls_of(calls):
        return []
    return [{"content": "" if text is None else as_text(text), "tool_calls": calls, "reasoning": reasoning}]
