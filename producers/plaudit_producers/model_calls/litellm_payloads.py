"""LiteLLM's records of calls, its `StandardLoggingPayload`, as model calls. Pure; needs no LiteLLM.

The shape is that of litellm 1.110, `litellm/types/utils.py`. Fields may be missing or hold anything: a proxy
has plug-ins that rewrite them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.model_calls.call import CallAnswer, CallMessage, ModelCall
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.failure_texts import plain_text
from plaudit_producers.model_calls.json_messages import as_text, message_of, messages_of
from plaudit_producers.model_calls.openai_bodies import response_answers
from plaudit_producers.model_calls.values import model_of, usage_of

_CHATS: Final = frozenset(
    ("completion", "text_completion", "responses", "anthropic_messages", "generate_content")
)
"""The types of calls that answer with messages, without the `a` of those for asyncio."""
_FAILURE: Final = "failure"
_NO_PARAMETERS: Final = frozenset(("tools", "functions", "user", "stream", "metadata", "extra_headers"))
_LONGEST_WAIT_MS: Final = 2**31 - 1
_ERROR_CHARACTERS: Final = 1000
_LARGEST_COST: Final = 2**63
_FIRST_S: Final = 10**8
"""A time before 1973 is a clock that was never set, or of another unit: the time of arrival counts then."""


def call_of_payload(payload: Any) -> ModelCall | None:
    """The call that a record is about; None if it is no chat, such as an embedding.

    Raises:
        ValueError: it is no record of LiteLLM.
    """
    if not isinstance(payload, Mapping) or not {"id", "call_type"} <= payload.keys():
        raise ValueError("it has no id and call_type, which LiteLLM's StandardLoggingPayload has")
    if not _is_chat(payload["call_type"]):
        return None
    response, parameters = _mapping(payload.get("response")), _mapping(payload.get("model_parameters"))
    streamed = bool(payload.get("stream"))
    return ModelCall(
        given=tuple(_given(payload)),
        answers=tuple(_answers(payload, response)),
        conversation_id=_conversation(payload),
        user_id=_first_text(payload.get("end_user"), parameters.get("user")),
        model=model_of(
            _first_text(payload.get("model"), response.get("model")),
            _other_model(payload, response),
            _named(provider=payload.get("custom_llm_provider"), group=payload.get("model_group")),
        ),
        started_at=_time(payload.get("startTime")),
        latency_ms=_between(payload, "startTime", "endTime"),
        first_token_ms=_between(payload, "startTime", "completionStartTime") if streamed else None,
        usage=_usage(payload),
        parameters=_json({name: parameters[name] for name in sorted(parameters.keys() - _NO_PARAMETERS)}),
        tools=_json(parameters.get("tools") or parameters.get("functions")),
        # A failed call has no response; the id of the call makes a repeated record the same call.
        response_id=_first_text(response.get("id"), payload.get("id")),
        tags=_tags(payload),
        metadata=_named(litellm_call_id=payload.get("litellm_call_id"), cost=_cost(payload)),
    )


def aliases_of_payload(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Other ids by which a client knows the call: the header `x-litellm-call-id`, and the record's own id."""
    found = (payload.get("litellm_call_id"), payload.get("id"))
    return tuple(dict.fromkeys(each for each in found if isinstance(each, str) and each))


def _is_chat(call_type: Any) -> bool:
    name = as_text(call_type).removeprefix("_").removesuffix("_stream")
    return name in _CHATS or name.removeprefix("a") in _CHATS


def _conversation(payload: Mapping[str, Any]) -> str | None:
    """The session that the client named, else the trace, which holds the retries of one request."""
    asked = _mapping(_mapping(payload.get("metadata")).get("requester_metadata"))
    return _first_text(
        asked.get("conversation_id"),
        asked.get("session_id"),
        payload.get("session_id"),
        payload.get("trace_id"),
    )


def _given(payload: Mapping[str, Any]) -> Iterator[CallMessage]:
    messages = payload.get("messages")
    if isinstance(messages, Mapping) and "messages" in messages:
        messages = messages["messages"]
    if messages is not None:
        yield from messages_of(messages)


def _answers(payload: Mapping[str, Any], response: Mapping[str, Any]) -> Iterator[CallAnswer]:
    if payload.get("status") == _FAILURE:
        yield ended_answer(CallMessage("assistant"), failure=_error(payload))
        return
    choices = response.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            yield from _choice(_mapping(choice))
        return
    yield from _whole_answer(payload.get("response"), response)


def _choice(choice: Mapping[str, Any]) -> Iterator[CallAnswer]:
    message = choice.get("message", choice.get("text"))
    made = message_of(message, "assistant") if message is not None else []
    for each in made[:1]:
        yield ended_answer(each, _first_text(choice.get("finish_reason")))


def _whole_answer(given: Any, response: Mapping[str, Any]) -> Iterator[CallAnswer]:
    """One answer in the form of the responses API, of Anthropic or of Gemini, or a text."""
    candidates = response.get("candidates")
    if isinstance(response.get("output"), list):
        yield from response_answers(response)
    elif isinstance(candidates, list):
        for candidate in map(_mapping, candidates):
            yield from _said(candidate.get("content"), candidate.get("finishReason"))
    elif response.get("content") is not None:
        said = {"role": "assistant", "content": response["content"]}
        yield from _said(said, response.get("stop_reason") or response.get("finish_reason"))
    elif isinstance(given, str) and given:
        yield from _said(given, None)


def _said(value: Any, reason: Any) -> Iterator[CallAnswer]:
    for message in message_of(value, "assistant"):
        if message.role == "assistant":
            yield ended_answer(message, _first_text(reason))


def _error(payload: Mapping[str, Any]) -> str:
    said = _mapping(payload.get("error_information")).get("error_message") or payload.get("error_str")
    return plain_text(as_text(said))[:_ERROR_CHARACTERS] if said else "the call failed"


def _other_model(payload: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    """The model that the response names, if it is another name: often the exact version."""
    answered = response.get("model")
    asked = payload.get("model")
    if not isinstance(answered, str) or not answered or as_text(asked).endswith(answered):
        return None
    return answered


def _usage(payload: Mapping[str, Any]) -> TokenUsage | None:
    given, made = payload.get("prompt_tokens"), payload.get("completion_tokens")
    # LiteLLM writes zeros if the provider counted none.
    return usage_of(given, made) if given or made else None


def _tags(payload: Mapping[str, Any]) -> dict[str, str]:
    named = payload.get("request_tags")
    texts = [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
    own = [each for each in texts if not each.startswith("User-Agent: ")]
    team = _mapping(payload.get("metadata")).get("user_api_key_team_alias")
    return _named(tags=", ".join(own), team=team)


def _cost(payload: Mapping[str, Any]) -> str | None:
    cost = payload.get("response_cost")
    return f"{cost:.10g}" if isinstance(cost, int | float) and 0 < cost < _LARGEST_COST else None


def _time(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < _FIRST_S:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _between(payload: Mapping[str, Any], start: str, end: str) -> int | None:
    """Milliseconds between two times."""
    begun, done = _time(payload.get(start)), _time(payload.get(end))
    if begun is None or done is None or done < begun:
        return None
    return min(round((done - begun).total_seconds() * 1000), _LONGEST_WAIT_MS)


def _named(**values: Any) -> dict[str, str]:
    """Those values that are texts and not empty."""
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def _first_text(*values: Any) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _json(value: Any) -> str | None:
    return as_text(value) if value else None
