"""Bodies of OpenAI's two chat APIs as messages and answers."""

from typing import Any

import pytest
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.openai_bodies import (
    body_parameters,
    body_tools,
    body_usage,
    completion_answers,
    completion_given,
    items_messages,
    response_answers,
    response_given,
)
from plaudit_schemas.contract.events import TokenUsage

TEXT = {"type": "output_text", "text": "Hello"}


def said(*items: Any, **more: Any) -> CallAnswer:
    (answer,) = response_answers({"status": "completed", "output": list(items), **more})
    return answer


def test_the_roles_of_a_completion() -> None:
    roles = ("system", "developer", "user", "assistant", "tool", "function", "other")
    given = completion_given({"messages": [{"role": role, "content": "x"} for role in roles]})
    assert [message.role for message in given] == [
        *("system", "system", "user", "assistant", "tool", "tool", "unknown")
    ]


def test_an_answer_in_audio_is_its_transcript() -> None:
    message = {"content": None, "audio": {"id": "a", "transcript": "Hello"}}
    (answer,) = completion_answers({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert answer.message.content == "Hello"


@pytest.mark.parametrize("reason", ["length", "content_filter", pytest.param(None, id="no reason")])
def test_an_answer_whose_end_is_missing_is_cut(reason: str | None) -> None:
    (answer,) = completion_answers({"choices": [{"message": {"content": "He"}, "finish_reason": reason}]})
    assert (answer.status, answer.finish_reason) == ("cut", reason)


def test_the_own_tools_of_the_server_are_calls() -> None:
    answer = said(
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "weather"}},
        {"type": "code_interpreter_call", "id": "ci_1", "code": "1 + 1"},
        {"type": "mcp_call", "id": "mcp_1", "name": "look_up", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c_1", "name": "shell", "input": "ls"},
        {"type": "message", "content": [TEXT]},
    )
    assert [(call.id, call.name, call.arguments) for call in answer.message.tool_calls] == [
        ("ws_1", "web_search", '{"type":"search","query":"weather"}'),
        ("ci_1", "code_interpreter", "1 + 1"),
        ("mcp_1", "look_up", "{}"),
        ("c_1", "shell", "ls"),
    ]
    assert (answer.message.content, answer.finish_reason) == ("Hello", "stop")


def test_what_a_model_made_in_a_row_is_one_message() -> None:
    items = [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Think."}]},
        {"type": "function_call", "call_id": "c_1", "name": "a", "arguments": "{}"},
        {"type": "function_call", "call_id": "c_2", "name": "b", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c_1", "output": "one"},
        {"type": "function_call_output", "call_id": "c_2", "output": [{"type": "input_text", "text": "two"}]},
        {"type": "message", "role": "assistant", "content": [TEXT]},
        {"type": "item_reference", "id": "msg_1"},
    ]
    user, calls, first, second, answer = items_messages(items)
    assert user == CallMessage("user", "Hi")
    assert [call.name for call in calls.tool_calls] == ["a", "b"]
    assert calls.reasoning == "Think."
    assert [(each.role, each.content, each.tool_call_id) for each in (first, second)] == [
        ("tool", "one", "c_1"),
        ("tool", "two", "c_2"),
    ]
    assert answer == CallMessage("assistant", "Hello")


def test_instructions_come_first() -> None:
    assert response_given({"instructions": "Be short.", "input": "Hi"}) == (
        CallMessage("system", "Be short."),
        CallMessage("user", "Hi"),
    )


def test_the_end_of_a_response() -> None:
    message = {"type": "message", "content": [TEXT]}
    assert said(message).status == "complete"
    assert (
        said({"type": "function_call", "call_id": "c", "name": "a", "arguments": ""}).finish_reason
        == "tool_calls"
    )
    cut = said(message, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert (cut.status, cut.finish_reason) == ("cut", "max_output_tokens")
    failed = said(status="failed", error={"code": "server_error", "message": "It fell over."})
    assert (failed.status, failed.error) == ("error", "The response failed: It fell over.")
    assert said(message, status="cancelled").status == "cut"
    assert response_answers({"status": "queued", "output": []}) == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None, "choices": None, "output": None, "usage": None},
        {"messages": 7, "choices": 7, "output": 7, "usage": 7, "input": 7, "tools": 7},
        {"messages": [None, 7, {}], "choices": [None, {}], "output": [None, {}], "input": [None, 7, {}]},
        {"messages": [{"role": 7, "content": {"a": 1}}], "choices": [{"message": {"content": 7}}]},
        {"output": [{"type": "message", "content": 7}, {"type": "function_call"}, {"type": "reasoning"}]},
        {"usage": {"prompt_tokens": -1, "completion_tokens": "many"}, "error": 7, "status": "failed"},
    ],
    ids=["empty", "none", "numbers", "odd items", "odd messages", "odd output", "odd usage"],
)
def test_what_reads_oddly_raises_nothing(body: dict[str, Any]) -> None:
    completion_given(body)
    completion_answers(body)
    response_given(body)
    response_answers(body)
    body_usage(body)
    body_tools(body)
    body_parameters(body)


def test_parameters_are_what_is_neither_said_nor_of_the_transport() -> None:
    body = {"model": "m", "messages": [], "stream": True, "temperature": 0.5, "top_p": None, "user": "u"}
    assert body_parameters(body) == '{"temperature":0.5}'
    assert body_parameters({"model": "m"}) is None


@pytest.mark.parametrize(
    ("counted", "kept"),
    [(5, 5), (5.0, 5), (0, 0), (2**63, None), (-1, None), (True, None), ("many", None), (float("nan"), None)],
    ids=["whole", "float", "zero", "too large", "negative", "truth", "text", "not a number"],
)
def test_a_count_that_no_event_can_hold_is_left_out(counted: object, kept: int | None) -> None:
    usage = body_usage({"usage": {"prompt_tokens": 1, "output_tokens": counted}})
    assert usage == TokenUsage(input=1, output=kept)
    assert body_usage({"usage": {"prompt_tokens": counted}}) == (
        None if kept is None else TokenUsage(input=kept)
    )
