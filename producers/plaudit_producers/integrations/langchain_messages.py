"""Messages and results of LangChain as messages and answers of a model call. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import Generation, LLMResult
from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.integrations.open_calls import Answered, Asked, texts_of
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.json_messages import as_text, message_of, role_of
from plaudit_producers.model_calls.openai_bodies import (
    body_parameters,
    body_tools,
    body_usage,
    thought_parts,
)

_CONVERSATION: Final = ("thread_id", "session_id", "conversation_id")
_USER: Final = "user_id"
_OWN_METADATA: Final = ("ls_", "lc_", "langgraph_", "checkpoint_", "__")
"""What the metadata that LangChain and LangGraph add themselves begins with."""
_FINISH_REASONS: Final = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_SAY_WHY: Final = ("openai",)
"""Providers whose streams always end with a reason. Without one, the stream ended early."""
_OWN_IDS: Final = ("lc_run-", "run-")
_CALL_BLOCKS: Final = ("tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta")
"""Blocks of content that say what `tool_calls` says, too."""


def asked_of(
    messages: Iterable[Any],
    metadata: Mapping[str, Any],
    parameters: Mapping[str, Any],
    configurable: Mapping[str, Any],
) -> Asked:
    """What a run of a model is given.

    Args:
        messages: of LangChain, or the texts of prompts.
        metadata: of the run.
        parameters: the `invocation_params` of the run.
        configurable: of the run's configuration, where LangGraph has its `thread_id`.
    """
    model = parameters.get("model") or parameters.get("model_name") or metadata.get("ls_model_name")
    shown = {name: value for name, value in parameters.items() if name not in ("model_name", "_type")}
    own = {name: value for name, value in metadata.items() if not name.startswith(_OWN_METADATA)}
    named = {**configurable, **metadata}
    conversation = next((named[name] for name in _CONVERSATION if named.get(name)), None)
    return Asked(
        tuple(message for each in messages for message in given_message(each)),
        None if model is None else str(model),
        body_parameters(shown),
        body_tools(shown),
        conversation_id=None if conversation is None else str(conversation),
        user_id=str(named[_USER]) if named.get(_USER) else None,
        metadata=texts_of({name: own[name] for name in own if name not in (*_CONVERSATION, _USER)}),
    )


def given_message(message: Any) -> list[CallMessage]:
    """A message that a model is given. A text is the user's."""
    if not isinstance(message, BaseMessage):
        return message_of(message)
    said = vars(message)  # which fields there are depends on the kind of message
    more = message.additional_kwargs
    role = said.get("role") or message.type.removesuffix("MessageChunk")
    if isinstance(message.content, str) and not _says_more(said, more):  # most, and histories are long
        return [CallMessage(role_of(role), message.content)]
    fields = {
        "tool_calls": list(_calls(said)),
        "function_call": more.get("function_call"),
        "tool_call_id": said.get("tool_call_id"),
        "reasoning_content": more.get("reasoning_content"),
    }
    told = {name: value for name, value in fields.items() if value}
    content = message.content if isinstance(message.content, str) else list(_blocks(message.content))
    return message_of({"role": role, "content": content, **told})


def _says_more(said: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    """Whether a message of LangChain says anything beside its content."""
    return (
        said.get("tool_calls")
        or said.get("invalid_tool_calls")
        or said.get("tool_call_id")
        or more.get("function_call")
        or more.get("reasoning_content")
    )


def answered_of(result: LLMResult, failure: str | None = None) -> Answered:
    """What a run of a model came to.

    Args:
        failure: a sentence that says why the run failed; None if it did not.
    """
    first = result.generations[0] if result.generations else []
    answers = tuple(_answer(generation, failure) for generation in first)
    if not answers and failure is not None:
        answers = (ended_answer(CallMessage("assistant"), failure=failure),)
    message = getattr(first[0], "message", None) if first else None
    told = message.response_metadata if isinstance(message, BaseMessage) else {}
    return Answered(
        answers,
        _text(told.get("model_name") or told.get("model")),
        _usage(message, result.llm_output or {}),
        _text(told.get("id")) or _response_id(message),
    )


def _answer(generation: Generation, failure: str | None) -> CallAnswer:
    message = getattr(generation, "message", None)
    said = given_message(message) if isinstance(message, BaseMessage) else message_of(generation.text)
    answer = said[0] if said else CallMessage("assistant")
    made = CallMessage("assistant", answer.content, answer.reasoning, answer.tool_calls)
    told = {**(generation.generation_info or {}), **getattr(message, "response_metadata", {})}
    reason = _reason(told)
    ends_early = isinstance(message, AIMessageChunk) and told.get("model_provider") in _SAY_WHY
    if ends_early and reason is None and failure is None:
        return CallAnswer(made, "cut")
    return ended_answer(made, reason, failure)


def _reason(told: Mapping[str, Any]) -> Any:
    """Why an answer ended. The responses API says it in a field for each kind of end."""
    details = told.get("incomplete_details")
    found = [told.get(name) for name in _FINISH_REASONS]
    found += [details.get("reason") if isinstance(details, Mapping) else None, told.get("status")]
    return next((reason for reason in found if reason), None)


def _blocks(content: Iterable[Any]) -> Iterator[Any]:
    """The content without the calls of tools, with reasoning as its text."""
    for block in content:
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind == "reasoning" and not block.get("reasoning"):
            yield from thought_parts(block)
        elif kind not in _CALL_BLOCKS:
            yield block


def _calls(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The calls of tools, with those whose arguments are no JSON."""
    for name in ("tool_calls", "invalid_tool_calls"):
        for call in fields.get(name) or ():
            yield {"id": call.get("id"), "name": call.get("name"), "args": call.get("args")}


def _usage(message: Any, output: Mapping[str, Any]) -> TokenUsage | None:
    counted = getattr(message, "usage_metadata", None)
    return body_usage({"usage": counted or output.get("token_usage")})


def _response_id(message: Any) -> str | None:
    """The id of a message, unless LangChain made it up."""
    own = _text(getattr(message, "id", None))
    return None if own is None or own.startswith(_OWN_IDS) else own


def _text(value: Any) -> str | None:
    return as_text(value) if value else None
