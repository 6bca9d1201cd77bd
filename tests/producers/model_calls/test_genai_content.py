"""Messages in telemetry: every form that instrumentations write says the same."""

import json
from typing import Any

import pytest
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.genai_content import GenAiEvent, answers_of, given_messages

SYSTEM, QUESTION, ANSWER = "Be brief.", "Where is my parcel?", "It comes tomorrow."
GIVEN = (CallMessage("system", SYSTEM), CallMessage("user", QUESTION))
ANSWERS = (CallAnswer(CallMessage("assistant", ANSWER), finish_reason="stop"),)

PARTS = [
    {"role": "system", "parts": [{"type": "text", "content": SYSTEM}]},
    {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
]
OUT = [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}]
PLAIN = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
VERCEL = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
]

FORMS: list[tuple[str, dict[str, Any], list[GenAiEvent]]] = [
    ("structured", {"gen_ai.input.messages": PARTS, "gen_ai.output.messages": OUT}, []),
    (
        "JSON on a span",
        {"gen_ai.input.messages": json.dumps(PARTS), "gen_ai.output.messages": json.dumps(OUT)},
        [],
    ),
    (
        "instructions apart",
        {
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
            "gen_ai.input.messages": json.dumps(PARTS[1:]),
            "gen_ai.output.messages": json.dumps(OUT),
        },
        [],
    ),
    (
        "log events",
        {},
        [
            GenAiEvent("gen_ai.system.message", {"gen_ai.system": "openai", "content": SYSTEM}),
            GenAiEvent("gen_ai.user.message", {"content": QUESTION}),
            GenAiEvent(
                "gen_ai.choice",
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}},
            ),
        ],
    ),
    (
        "events of a span",
        {},
        [
            GenAiEvent("gen_ai.system.message", {"content": SYSTEM}),
            GenAiEvent("gen_ai.user.message", {"content": QUESTION, "role": "user"}),
            GenAiEvent(
                "gen_ai.choice", {"finish_reason": "stop", "message": json.dumps({"content": ANSWER})}
            ),
        ],
    ),
    (
        "numbered attributes",
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": SYSTEM,
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": QUESTION,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": ANSWER,
            "gen_ai.completion.0.finish_reason": "stop",
        },
        [],
    ),
    (
        "numbered attributes with parts",
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": SYSTEM,
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": QUESTION}]),
            "gen_ai.completion.0.content": ANSWER,
            "gen_ai.completion.0.finish_reason": "stop",
        },
        [],
    ),
    (
        "prompt and completion as JSON",
        {
            "gen_ai.prompt": json.dumps(PLAIN),
            "gen_ai.completion": json.dumps([{"role": "assistant", "content": ANSWER}]),
            "gen_ai.response.finish_reasons": ["stop"],
        },
        [],
    ),
    (
        "content events",
        {"gen_ai.response.finish_reasons": ["stop"]},
        [
            GenAiEvent("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(PLAIN)}),
            GenAiEvent("gen_ai.content.completion", {"gen_ai.completion": json.dumps([{"content": ANSWER}])}),
        ],
    ),
    (
        "Vercel's call",
        {
            "ai.prompt.messages": json.dumps(VERCEL),
            "ai.response.text": ANSWER,
            "ai.response.finishReason": "stop",
        },
        [],
    ),
    (
        "Vercel's call of version 3",
        {"ai.prompt.messages": json.dumps(VERCEL), "ai.result.text": ANSWER, "ai.finishReason": "stop"},
        [],
    ),
    (
        "Vercel's prompt",
        {
            "ai.prompt": json.dumps({"system": SYSTEM, "prompt": QUESTION}),
            "ai.response.text": ANSWER,
            "gen_ai.response.finish_reasons": ["stop"],
        },
        [],
    ),
]


@pytest.mark.parametrize(
    ("attributes", "events"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS]
)
def test_every_form_says_the_same(attributes: dict[str, Any], events: list[GenAiEvent]) -> None:
    assert given_messages(attributes, events) == GIVEN
    assert answers_of(attributes, events) == ANSWERS


def test_tool_calls_and_their_results_are_messages() -> None:
    call = {"type": "tool_call", "id": "c1", "name": "track", "arguments": {"parcel": 7}}
    result = {"type": "tool_call_response", "id": "c1", "response": "tomorrow"}
    given = given_messages(
        {
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
                {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, call]},
                {"role": "tool", "parts": [result, {**result, "id": "c2", "response": {"late": True}}]},
            ]
        }
    )
    assert [each.role for each in given] == ["user", "assistant", "tool", "tool"]
    assert given[1].reasoning == "Hm."
    [made] = given[1].tool_calls
    assert (made.id, made.name, json.loads(made.arguments)) == ("c1", "track", {"parcel": 7})
    assert [(each.tool_call_id, each.content) for each in given[2:]] == [
        ("c1", "tomorrow"),
        ("c2", '{"late":true}'),
    ]


def test_numbered_tool_calls_are_read() -> None:
    [answer] = answers_of(
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": "track",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"parcel": 7}',
        }
    )
    [call] = answer.message.tool_calls
    assert (call.id, call.name, call.arguments) == ("c1", "track", '{"parcel": 7}')


def test_vercels_tool_calls_are_read() -> None:
    calls = json.dumps([{"toolCallId": "c1", "toolName": "track", "input": {"parcel": 7}}])
    [answer] = answers_of({"ai.response.toolCalls": calls, "ai.response.reasoning": "Hm."})
    assert [call.name for call in answer.message.tool_calls] == ["track"]
    assert answer.message.reasoning == "Hm."


def test_ten_and_more_messages_keep_their_order() -> None:
    attributes = {f"gen_ai.prompt.{number}.content": str(number) for number in (10, 2, 11, 0, 1)}
    assert [each.content for each in given_messages(attributes)] == ["0", "1", "2", "10", "11"]


def test_choices_are_in_the_order_of_their_numbers() -> None:
    events = [GenAiEvent("gen_ai.choice", {"index": at, "message": {"content": str(at)}}) for at in (1, 0)]
    assert [answer.message.content for answer in answers_of({}, events)] == ["0", "1"]


def test_a_text_that_looks_like_json_stays_a_text() -> None:
    assert given_messages({"gen_ai.prompt": '{"a": 1}'}) == (CallMessage("user", '{"a": 1}'),)
    listed = {"gen_ai.prompt.0.content": '[{"a": 1}]', "gen_ai.prompt.0.role": "user"}
    assert given_messages(listed) == (CallMessage("user", '[{"a": 1}]'),)


def test_a_failure_is_an_answer_that_says_why() -> None:
    [answer] = answers_of({}, failure="the call failed with 429")
    assert answer == CallAnswer(CallMessage("assistant"), "error", error="the call failed with 429")
    [cut] = answers_of({"gen_ai.completion": "It co"}, failure="the call failed: reset")
    assert (cut.status, cut.message.content, cut.error) == ("cut", "It co", "the call failed: reset")


def test_a_stream_that_nobody_read_to_its_end_is_cut() -> None:
    broken = [
        {"role": "assistant", "parts": [{"type": "text", "content": "It co"}], "finish_reason": "error"}
    ]
    [answer] = answers_of({"gen_ai.output.messages": broken})
    assert (answer.status, answer.finish_reason, answer.error) == ("cut", None, None)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(7, id="a number"),
        pytest.param("[", id="half a list"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param([None, 3, ["x"], {"role": ["user"], "parts": {"type": 1}}], id="a list of odd things"),
        pytest.param(
            {"role": "user", "parts": [{"type": "text"}, {"type": ["text"]}]}, id="parts of nothing"
        ),
    ],
)
@pytest.mark.parametrize(
    "name", ["gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages", "ai.prompt"]
)
def test_odd_content_never_raises(name: str, odd: Any) -> None:
    given_messages({name: odd, "gen_ai.system_instructions": odd})
    answers_of({"gen_ai.output.messages": odd, "gen_ai.completion": odd, "ai.response.toolCalls": odd})
