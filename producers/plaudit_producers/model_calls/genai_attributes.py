"""What the attributes of a span or log event say of a model call, in the names of its time and of its maker.

Current names are those of OpenTelemetry's GenAI conventions. Older ones are `gen_ai.system` and its like, the
association properties of OpenLLMetry, and `ai.*` of Vercel's AI SDK.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from plaudit_schemas.contract.events import Model

from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.model_calls.json_messages import as_text
from plaudit_producers.model_calls.values import count_of, first_of, model_of, usage_of
from plaudit_producers.sdk.fitting import fitting_id

Attributes = Mapping[str, Any]

CLIENT_KIND: Final = 3
"""OTLP's number of the span kind CLIENT."""

OPERATION: Final = "gen_ai.operation.name"
CONVERSATION_ID: Final = "plaudit.conversation.id"
"""What an application says itself, or its `ConversationSpanProcessor`."""
GENAI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
RESPONSE_ID: Final = ("gen_ai.response.id", "ai.response.id")

_MOST_DIGITS: Final = 9  # of the number of a message: Python refuses to read thousands of them
_CALLS: Final = frozenset(("chat", "text_completion", "generate_content"))
_NO_CALLS: Final = frozenset(("embedding", "rerank"))  # OpenLLMetry's `llm.request.type`
_VERCEL_CALLS: Final = (".doGenerate", ".doStream")  # the spans around them say the same once more

_SAID_BY_USERS: Final = (
    "ai.telemetry.metadata.",
    "ai.settings.context.",
    "traceloop.association.properties.",
)
"""Prefixes of what an application says itself, with the SDK of Vercel (two names) and with OpenLLMetry."""


def _of_users(*names: str) -> tuple[str, ...]:
    return tuple(prefix + name for prefix in _SAID_BY_USERS for name in names)


_CONVERSATION: Final = (
    CONVERSATION_ID,
    GENAI_CONVERSATION_ID,
    *_of_users("conversation_id", "conversationId", "chat_id", "chatId", "thread_id", "threadId"),
    "session.id",
    "langfuse.session.id",
    *_of_users("session_id", "sessionId"),
)
_USER: Final = ("enduser.id", "user.id", "langfuse.user.id", *_of_users("user_id", "userId"))
_REQUESTED: Final = ("gen_ai.request.model", "ai.model.id")
_ANSWERED: Final = ("gen_ai.response.model", "ai.response.model")
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "ai.model.provider")
_INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
_OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
_FIRST_CHUNK_S: Final = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.client.operation.time_to_first_chunk",
)
_FIRST_CHUNK_MS: Final = ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
_PARAMETERS: Final = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "frequency_penalty",
    "presence_penalty",
    "stop_sequences",
    "seed",
    "choice.count",
    "reasoning.level",
)
_FINISH_REASONS: Final = ("gen_ai.response.finish_reasons", "ai.response.finishReason", "ai.finishReason")
_TOOLS: Final = ("gen_ai.tool.definitions", "ai.prompt.tools", "llm.request.functions")
_TAGS: Final[Mapping[str, str]] = {
    "service.name": "service",
    "gen_ai.agent.name": "agent",
    "ai.telemetry.functionId": "function",
}


def is_model_call(attributes: Attributes, kind: int = CLIENT_KIND) -> bool:
    """Whether a span is a call of a model, and not the run of an agent, a tool or an embedding.

    Args:
        kind: OTLP's number of the span's kind.
    """
    vercel = attributes.get("ai.operationId")
    if isinstance(vercel, str):
        return vercel.endswith(_VERCEL_CALLS)
    operation = attributes.get(OPERATION)
    if operation == "invoke_agent":  # an agent elsewhere is called like a model; a local one calls models
        return kind == CLIENT_KIND
    if operation is not None:
        return isinstance(operation, str) and operation in _CALLS
    kind_of_request = attributes.get("llm.request.type")
    return (
        not (isinstance(kind_of_request, str) and kind_of_request in _NO_CALLS)
        and first_of(attributes, (*_PROVIDER, *_REQUESTED)) is not None
    )


def described(call: ModelCall, attributes: Attributes) -> ModelCall:
    """A call with all that attributes say of it, except its messages. What the call has already stays."""
    first_token_ms = _milliseconds(attributes)
    return replace(
        call,
        conversation_id=call.conversation_id or conversation_named(attributes),
        user_id=call.user_id or id_of(first_of(attributes, _USER)),
        model=call.model or _model_of(attributes),
        first_token_ms=first_token_ms if call.first_token_ms is None else call.first_token_ms,
        usage=call.usage or usage_of(first_of(attributes, _INPUT), first_of(attributes, _OUTPUT)),
        parameters=call.parameters or _parameters_of(attributes),
        tools=call.tools or _tools_of(attributes),
        response_id=call.response_id or response_id_of(attributes),
        tags={**_tags_of(attributes), **call.tags},
    )


def conversation_named(attributes: Attributes) -> str | None:
    """The id of the conversation that attributes name, or of the session."""
    return id_of(first_of(attributes, _CONVERSATION))


def response_id_of(attributes: Attributes) -> str | None:
    """The provider's id of the response."""
    found = first_of(attributes, RESPONSE_ID)
    return as_text(found) if found not in (None, "") else None


def id_of(value: Any) -> str | None:
    """A value as an id; None if it cannot be one."""
    return fitting_id(str(value)) if isinstance(value, str | int | float) else None


def finish_reasons_of(attributes: Attributes) -> list[str]:
    """Why each answer ended, in order."""
    reasons = parsed(first_of(attributes, _FINISH_REASONS))
    return [as_text(each) for each in (reasons if isinstance(reasons, list | tuple) else [reasons]) if each]


def indexed(attributes: Attributes, prefix: str) -> list[dict[str, Any]]:
    """Attributes such as `gen_ai.prompt.0.role` as a list of objects, in the order of their numbers.

    `tool_calls.0.name` within one becomes a list in the same way.
    """
    found: dict[int, dict[str, Any]] = {}
    start = len(prefix) + 1
    for name, value in attributes.items():
        if not name.startswith(prefix) or name[len(prefix) : start] != ".":
            continue
        number, _, rest = name[start:].partition(".")
        if number.isdecimal() and len(number) <= _MOST_DIGITS and rest:
            found.setdefault(int(number), {})[rest] = value
    values = [found[number] for number in sorted(found)]
    for each in values:
        calls = indexed(each, "tool_calls")
        if calls:
            each["tool_calls"] = calls
    return values


def _model_of(attributes: Attributes) -> Model | None:
    requested, answered = first_of(attributes, _REQUESTED), first_of(attributes, _ANSWERED)
    provider = first_of(attributes, _PROVIDER)
    return model_of(
        id_of(requested) or id_of(answered),
        None if answered in (None, requested) else as_text(answered),
        None if provider is None else {"provider": as_text(provider)},
    )


def _milliseconds(attributes: Attributes) -> int | None:
    seconds = first_of(attributes, _FIRST_CHUNK_S)
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        return count_of(seconds * 1000)
    return count_of(first_of(attributes, _FIRST_CHUNK_MS))


def _parameters_of(attributes: Attributes) -> str | None:
    found = {
        name: attributes[f"gen_ai.request.{name}"]
        for name in _PARAMETERS
        if attributes.get(f"gen_ai.request.{name}") is not None
    }
    return as_text(found) if found else None


def _tools_of(attributes: Attributes) -> str | None:
    tools = first_of(attributes, _TOOLS) or indexed(attributes, "llm.request.functions")
    if not tools:
        return None
    if isinstance(tools, list | tuple):  # Vercel writes each tool as a text
        tools = [parsed(tool) for tool in tools]
    return as_text(tools)


def parsed(value: Any) -> Any:
    """What a text holds as JSON; any other value, and a text that is no JSON, unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _tags_of(attributes: Attributes) -> dict[str, str]:
    found = {tag: attributes.get(name) for name, tag in _TAGS.items()}
    return {tag: as_text(value) for tag, value in found.items() if value not in (None, "")}
