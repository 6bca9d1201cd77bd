"""Bodies of OpenAI's two chat APIs as messages and answers: chat completions, and responses. Pure.

Other servers and proxies speak them too. What is not known is left out, and nothing here raises over it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.json_messages import as_text, message_of, messages_of
from plaudit_producers.model_calls.values import first_of, usage_of

Body = Mapping[str, Any]

_PENDING: Final = ("queued", "in_progress")
_CALL: Final = "_call"
_RESULT: Final = "_call_output"
_ARGUMENTS: Final = ("arguments", "input", "action", "code", "queries")
"""Where an item of the responses API may say what a tool was called with."""
_NO_PARAMETERS: Final = frozenset(
    {
        *("messages", "input", "instructions", "model", "tools", "functions", "stream", "stream_options"),
        *("user", "safety_identifier", "metadata", "conversation", "previous_response_id"),
    }
)


def completion_given(body: Body) -> tuple[CallMessage, ...]:
    """The messages in the request of a chat completion."""
    return tuple(messages_of(body.get("messages") or ()))


def completion_answers(result: Body) -> tuple[CallAnswer, ...]:
    """The answers in a chat completion, one for each choice."""
    return tuple(
        _chosen(_said(choice.get("message")), choice.get("finish_reason"))
        for choice in _objects(result.get("choices"))
    )


def response_given(body: Body) -> tuple[CallMessage, ...]:
    """The messages in the request of a response. The instructions are the first."""
    instructions, items = body.get("instructions"), body.get("input")
    leading = [CallMessage("system", instructions)] if isinstance(instructions, str) else []
    said = messages_of(items) if isinstance(items, str) else items_messages(items)
    return (*leading, *said)


def response_answers(result: Body) -> tuple[CallAnswer, ...]:
    """The answer in a response; none as long as it is still being made in the background."""
    status = result.get("status")
    if status in _PENDING:
        return ()
    message = _said_items(result.get("output"))
    if status == "failed":
        error = result.get("error")
        told = (error.get("message") if isinstance(error, Mapping) else None) or "no reason was given"
        return (ended_answer(message, failure=f"The response failed: {as_text(told)}"),)
    if status == "cancelled":
        return (ended_answer(message, failure="The response was cancelled."),)
    details = result.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    if status == "incomplete":
        return (CallAnswer(message, "cut", as_text(reason or status)),)
    return (ended_answer(message, "tool_calls" if message.tool_calls and not message.content else "stop"),)


def items_messages(items: Any) -> list[CallMessage]:
    """Items of the responses API as messages. What the model made in a row is one message."""
    messages: list[CallMessage] = []
    for made, group in groupby(_objects(items), key=_is_made):
        if made:
            messages.append(_said_items(list(group)))
        else:
            messages += [message for item in group for message in _given_item(item)]
    return messages


def body_usage(result: Body) -> TokenUsage | None:
    """The tokens that were counted, in the names of either API."""
    usage = result.get("usage")
    if not isinstance(usage, Mapping):
        return None
    return usage_of(
        first_of(usage, ("prompt_tokens", "input_tokens")),
        first_of(usage, ("completion_tokens", "output_tokens")),
    )


def body_parameters(body: Body) -> str | None:
    """What a request sets besides its messages and tools, as JSON."""
    found = {name: value for name, value in body.items() if name not in _NO_PARAMETERS and value is not None}
    return as_text(found) if found else None


def body_tools(body: Body) -> str | None:
    """The tools that a request offers, as JSON."""
    tools = body.get("tools") or body.get("functions")
    return as_text(tools) if tools else None


def _chosen(message: CallMessage, reason: Any) -> CallAnswer:
    """The answer of a choice. This API always says why one ended; without that, the stream broke off."""
    return ended_answer(message, reason) if reason else CallAnswer(message, "cut")


def _said(message: Any) -> CallMessage:
    """The message of a choice. Of spoken audio, the transcript counts."""
    fields = dict(message) if isinstance(message, Mapping) else {}
    audio = fields.get("audio")
    if isinstance(audio, Mapping) and not fields.get("content"):
        fields["content"] = audio.get("transcript")
    return _assistant(fields)


def _said_items(items: Any) -> CallMessage:
    """Items that the model made, as one message."""
    parts: list[Any] = []
    calls = []
    for item in _objects(items):
        kind = str(item.get("type") or "message")
        if kind == "message":
            content = item.get("content")
            parts += content if isinstance(content, list | tuple) else [content]
        elif kind == "reasoning":
            parts += thought_parts(item)
        elif kind.endswith(_CALL):
            calls.append(_call(item, kind))
    return _assistant({"content": parts, "tool_calls": calls})


def _assistant(fields: Body) -> CallMessage:
    made = message_of({**fields, "role": "assistant"})
    return made[0] if made else CallMessage("assistant")


def thought_parts(item: Body) -> Iterator[dict[str, Any]]:
    """The parts of a reasoning item: its summary, else its own text."""
    for part in _objects(item.get("summary") or item.get("content")):
        yield {"type": "reasoning", "text": part.get("text")}


def _call(item: Body, kind: str) -> dict[str, Any]:
    """An item that calls a tool, one of the server's own too, in the form of chat completions."""
    arguments = first_of(item, _ARGUMENTS)
    name = item.get("name") or kind.removesuffix(_CALL)
    return {
        "id": item.get("call_id") or item.get("id"),
        "function": {"name": name, "arguments": "" if arguments is None else arguments},
    }


def _is_made(item: Body) -> bool:
    """Whether an item is the model's."""
    kind = str(item.get("type") or "message")
    return (
        item.get("role") == "assistant" if kind == "message" else kind == "reasoning" or kind.endswith(_CALL)
    )


def _given_item(item: Body) -> Sequence[CallMessage]:
    kind = str(item.get("type") or "message")
    if kind == "message":
        return message_of(item)
    if not kind.endswith(_RESULT):
        return ()  # such as a reference to an item that only the server knows
    return message_of({"role": "tool", "content": item.get("output"), "tool_call_id": item.get("call_id")})


def _objects(values: Any) -> Iterator[Body]:
    """The objects in a list; none of any other value."""
    for value in values if isinstance(values, list | tuple) else ():
        if isinstance(value, Mapping):
            yield value
