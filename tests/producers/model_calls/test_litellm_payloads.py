"""LiteLLM's records as model calls: what is taken, from whatever is there."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.litellm_payloads import aliases_of_payload, call_of_payload
from plaudit_schemas.contract.events import TokenUsage, ToolCall

from tests.support.litellm_payloads import payload


def deep(depth: int = 1000) -> Any:
    return orjson.loads("[" * depth + "]" * depth)


def answers(**fields: Any) -> tuple[CallAnswer, ...]:
    call = call_of_payload(payload(**fields))
    assert call is not None
    return call.answers


def test_a_record_is_taken_whole() -> None:
    call = call_of_payload(
        payload(
            session_id="s-1",
            end_user="u-7",
            stream=True,
            model_parameters={"temperature": 0.5, "stream": True, "user": "x", "tools": [{"name": "t"}]},
            request_tags=["beta", "User-Agent: litellm/1"],
            metadata={"user_api_key_team_alias": "red"},
        )
    )
    assert call is not None
    assert call.given == (CallMessage("system", "Be kind."), CallMessage("user", "Hi"))
    assert call.answers == (CallAnswer(CallMessage("assistant", "Hello"), "complete", "stop"),)
    assert (call.conversation_id, call.user_id, call.response_id) == ("s-1", "u-7", "chatcmpl-1")
    assert call.model is not None
    assert (call.model.id, call.model.version) == ("openai/gpt-4o", "gpt-4o-2026-08-06")
    assert call.model.metadata == {"provider": "openai", "group": "fast"}
    assert call.started_at == datetime(2025, 5, 31, 12, 0, tzinfo=UTC)
    assert (call.latency_ms, call.first_token_ms) == (1500, 250)
    assert call.usage == TokenUsage(input=10, output=20)
    assert json.loads(call.parameters or "") == {"temperature": 0.5}
    assert json.loads(call.tools or "") == [{"name": "t"}]
    assert call.tags == {"tags": "beta", "team": "red"}
    assert call.metadata == {"litellm_call_id": "call-1", "cost": "0.000225"}


@pytest.mark.parametrize(
    ("fields", "conversation"),
    [
        pytest.param({"trace_id": "t"}, "t", id="the trace holds the retries of a request"),
        pytest.param({"trace_id": "t", "session_id": "s"}, "s", id="a session goes before the trace"),
        pytest.param(
            {"session_id": "s", "metadata": {"requester_metadata": {"session_id": "r"}}},
            "r",
            id="what the client of a proxy says goes first",
        ),
        pytest.param({"trace_id": "", "session_id": None}, None, id="none at all"),
    ],
)
def test_the_conversation_is_the_session(fields: dict[str, Any], conversation: str | None) -> None:
    call = call_of_payload(payload(**fields))
    assert call is not None
    assert call.conversation_id == conversation


@pytest.mark.parametrize(
    "call_type",
    [
        "completion",
        "acompletion",
        "atext_completion",
        "aresponses",
        "anthropic_messages",
        "agenerate_content_stream",
    ],
)
def test_chats_are_calls(call_type: str) -> None:
    assert call_of_payload(payload(call_type=call_type)) is not None


@pytest.mark.parametrize(
    "call_type",
    ["aembedding", "image_generation", "arerank", "", None, 7],
    ids=["embedding", "image", "rerank", "empty", "null", "number"],
)
def test_other_types_are_no_calls(call_type: Any) -> None:
    assert call_of_payload(payload(call_type=call_type)) is None


@pytest.mark.parametrize(
    "record", [None, "text", [], {}, {"id": "1"}], ids=["null", "text", "list", "empty", "no call type"]
)
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(ValueError, match="StandardLoggingPayload"):
        call_of_payload(record)


def test_several_choices_are_siblings() -> None:
    choices = [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": text}} for text in ("a", "b")
    ]
    assert [answer.message.content for answer in answers(response={"choices": choices})] == ["a", "b"]


def test_an_answer_of_tools() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    (answer,) = answers(response={"choices": [{"finish_reason": "tool_calls", "message": message}]})
    assert answer.message.tool_calls == (ToolCall(id="c1", name="look", arguments="{}"),)
    assert answer.finish_reason == "tool_calls"


def test_an_answer_at_the_limit_of_tokens_is_cut() -> None:
    message = {"role": "assistant", "content": "and th"}
    (answer,) = answers(response={"choices": [{"finish_reason": "length", "message": message}]})
    assert answer.status == "cut"


def test_a_failed_call_is_an_answer_with_the_error() -> None:
    (answer,) = answers(
        status="failure", response={}, error_str="outer", error_information={"error_message": "boom"}
    )
    assert (answer.status, answer.error, answer.message.content) == ("error", "boom", "")


@pytest.mark.parametrize(
    ("response", "text"),
    [
        pytest.param({"choices": [{"text": "plain"}]}, "plain", id="text completion"),
        pytest.param(
            {
                "status": "completed",
                "output": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "r"}],
                    },
                ],
            },
            "r",
            id="responses API",
        ),
        pytest.param(
            {"role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": "c"}]},
            "c",
            id="blocks of Anthropic",
        ),
        pytest.param(
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "g"}]}}]},
            "g",
            id="parts of Gemini",
        ),
        pytest.param("only a text", "only a text", id="a text"),
    ],
)
def test_answers_in_other_forms(response: Any, text: str) -> None:
    (answer,) = answers(response=response)
    assert (answer.message.role, answer.message.content, answer.status) == ("assistant", text, "complete")


def test_the_thoughts_of_the_responses_api_are_its_reasoning() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "r"}]},
    ]
    (answer,) = answers(response={"status": "incomplete", "output": output})
    assert (answer.message.reasoning, answer.status) == ("hm", "cut")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"startTime": "yesterday", "endTime": None}, id="times that are none"),
        pytest.param({"startTime": 1e18, "endTime": -1.0}, id="times out of range"),
        pytest.param({"startTime": float("nan")}, id="no number"),
        pytest.param({"messages": None, "response": None}, id="nothing was said"),
        pytest.param({"messages": [7, None, {"role": 3, "content": {"a": 1}}]}, id="odd messages"),
        pytest.param({"response": {"choices": [None, 7, {}]}}, id="odd choices"),
        pytest.param({"model": None, "model_parameters": "x", "metadata": []}, id="other types of fields"),
        pytest.param({"prompt_tokens": -1, "completion_tokens": True}, id="no counts"),
        pytest.param({"request_tags": {"a": 1}, "response_cost": "free"}, id="odd tags and cost"),
    ],
)
def test_a_field_that_reads_oddly_costs_only_itself(fields: dict[str, Any]) -> None:
    call = call_of_payload(payload(**fields))
    assert call is not None
    assert call.response_id == "chatcmpl-1" if "response" not in fields else "record-1"


def test_aliases_are_the_ids_that_a_client_sees() -> None:
    assert aliases_of_payload(payload()) == ("call-1", "record-1")
    assert aliases_of_payload({"id": 7, "litellm_call_id": None}) == ()


def test_a_failure_is_recorded_without_the_key() -> None:
    (answer,) = answers(status="failure", response={}, error_str="key sk-proj-abc123def\nwas refused")
    assert answer.error == "key *** was refused"


def test_a_candidate_of_gemini_says_itself_why_it_ended() -> None:
    candidate = {"content": {"role": "model", "parts": [{"text": "It is"}]}, "finishReason": "MAX_TOKENS"}
    (answer,) = answers(response={"candidates": [candidate]})
    assert (answer.status, answer.finish_reason) == ("cut", "MAX_TOKENS")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"model_parameters": {"tools": deep()}}, id="tools"),
        pytest.param({"model_parameters": {"extra_body": deep()}}, id="a parameter"),
        pytest.param({"status": "failure", "error_str": deep()}, id="an error"),
        pytest.param({"messages": [{"role": "tool", "content": deep()}]}, id="a message"),
        pytest.param(
            {"messages": [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": deep()}]}]},
            id="arguments",
        ),
    ],
)
def test_what_is_nested_without_end_costs_only_itself(fields: dict[str, Any]) -> None:
    call = call_of_payload(payload(**fields))
    assert call is not None
    assert (call.conversation_id, call.response_id) == ("trace-1", "chatcmpl-1")


@pytest.mark.parametrize(
    ("cost", "kept"),
    [(2, "2"), (0, None), (-1, None), (10**400, None), (float("nan"), None), (True, "1"), ("2", None)],
    ids=["whole number", "nothing", "negative", "without end", "not a number", "truth", "text"],
)
def test_a_cost_is_kept_if_it_may_be_one(cost: Any, kept: str | None) -> None:
    call = call_of_payload(payload(response_cost=cost))
    assert call is not None
    assert call.metadata.get("cost") == kept


@pytest.mark.parametrize(
    "start", [1.0, 86_400, -5, 10**400], ids=["in 1970", "a day", "before", "without end"]
)
def test_a_clock_that_was_never_set_says_nothing(start: Any) -> None:
    call = call_of_payload(payload(startTime=start))
    assert call is not None
    assert (call.started_at, call.latency_ms) == (None, None)


ODD: list[Any] = [
    None,
    True,
    -1,
    10**400,
    float("nan"),
    "",
    "\ud800",
    "[",
    [],
    {},
    [None],
    {"x": [{}]},
    [[{}]],
]


@pytest.mark.parametrize("field", payload())
def test_no_value_of_a_field_raises(field: str) -> None:
    for odd in ODD:
        call = call_of_payload(payload(**{field: odd}))
        assert call is None if field == "call_type" else call is not None
