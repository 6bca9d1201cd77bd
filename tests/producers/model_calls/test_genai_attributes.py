"""What attributes say of a call beside its messages, in current and older names."""

import json
from typing import Any

import pytest
from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.model_calls.genai_attributes import described, indexed, is_model_call, parsed
from plaudit_schemas.contract.events import Model, TokenUsage

CURRENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.conversation.id": "c1",
    "gen_ai.request.model": "m-4",
    "gen_ai.response.model": "m-4-2026",
    "gen_ai.response.id": "r1",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.request.temperature": 0.5,
    "user.id": "u1",
}
OLDER = {
    "gen_ai.system": "openai",
    "traceloop.association.properties.thread_id": "c1",
    "traceloop.association.properties.user_id": "u1",
    "gen_ai.request.model": "m-4",
    "gen_ai.response.model": "m-4-2026",
    "gen_ai.response.id": "r1",
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 5,
    "gen_ai.client.operation.time_to_first_chunk": 0.25,
    "gen_ai.request.temperature": 0.5,
}
VERCEL = {
    "ai.operationId": "ai.streamText.doStream",
    "ai.model.provider": "openai",
    "ai.model.id": "m-4",
    "ai.response.model": "m-4-2026",
    "ai.response.id": "r1",
    "ai.telemetry.metadata.chatId": "c1",
    "ai.telemetry.metadata.userId": "u1",
    "ai.usage.inputTokens": 12,
    "ai.usage.outputTokens": 5,
    "ai.response.msToFirstChunk": 250.0,
    "gen_ai.request.temperature": 0.5,
}


ODD: list[Any] = [None, True, -1, 2**63, float("nan"), "", "\ud800", "[", "[[]]", [], {}, [None], {"x": [{}]}]


@pytest.mark.parametrize("attributes", [CURRENT, OLDER, VERCEL], ids=["current", "older", "Vercel"])
def test_all_names_say_the_same(attributes: dict[str, Any]) -> None:
    assert is_model_call(attributes)
    call = described(ModelCall(()), attributes)
    assert (call.conversation_id, call.user_id, call.response_id) == ("c1", "u1", "r1")
    assert call.model == Model(id="m-4", version="m-4-2026", metadata={"provider": "openai"})
    assert call.usage == TokenUsage(input=12, output=5)
    assert call.first_token_ms == 250
    assert call.parameters == '{"temperature":0.5}'


def test_what_the_call_knows_itself_stays() -> None:
    call = described(ModelCall((), conversation_id="mine", user_id="me", tags={"agent": "a"}), CURRENT)
    assert (call.conversation_id, call.user_id, call.tags["agent"]) == ("mine", "me", "a")


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        pytest.param(
            {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"}, 3, id="embeddings"
        ),
        pytest.param({"gen_ai.operation.name": "execute_tool"}, 1, id="a tool"),
        pytest.param({"gen_ai.operation.name": "invoke_agent"}, 1, id="a local agent"),
        pytest.param({"ai.operationId": "ai.generateText", "ai.model.id": "m"}, 1, id="Vercel's outer span"),
        pytest.param({"ai.operationId": "ai.toolCall"}, 1, id="Vercel's tool"),
        pytest.param({"llm.request.type": "embedding", "gen_ai.system": "x"}, 3, id="older embeddings"),
        pytest.param({"gen_ai.evaluation.name": "relevance"}, 1, id="an evaluation"),
        pytest.param({"http.method": "GET"}, 3, id="something else"),
    ],
)
def test_what_is_no_call_of_a_model_is_left_out(attributes: dict[str, Any], kind: int) -> None:
    assert not is_model_call(attributes, kind)


def test_an_agent_elsewhere_is_called_like_a_model() -> None:
    assert is_model_call({"gen_ai.operation.name": "invoke_agent"}, 3)


@pytest.mark.parametrize(
    "tools",
    [
        pytest.param({"gen_ai.tool.definitions": '[{"name":"track"}]'}, id="current"),
        pytest.param({"gen_ai.tool.definitions": [{"name": "track"}]}, id="structured"),
        pytest.param({"ai.prompt.tools": ['{"name": "track"}']}, id="Vercel"),
        pytest.param({"llm.request.functions.0.name": "track"}, id="numbered"),
    ],
)
def test_tools_are_json(tools: dict[str, Any]) -> None:
    found = described(ModelCall(()), tools).tools
    assert found is not None
    assert json.loads(found) == [{"name": "track"}]


def test_odd_values_are_left_out() -> None:
    odd = {
        "gen_ai.conversation.id": ["c1"],
        "user.id": "",
        "gen_ai.usage.input_tokens": -1,
        "gen_ai.usage.output_tokens": "many",
        "gen_ai.response.time_to_first_chunk": True,
        "gen_ai.request.model": {},
        "gen_ai.response.id": "",
    }
    call = described(ModelCall(()), odd)
    assert (call.conversation_id, call.user_id, call.usage, call.model) == (None, None, None, None)
    assert (call.response_id, call.first_token_ms) == (None, None)


def test_a_long_id_is_shortened() -> None:
    call = described(ModelCall(()), {"gen_ai.conversation.id": "c" * 1000})
    assert call.conversation_id is not None
    assert len(call.conversation_id) == 128


def test_text_that_is_no_json_stays() -> None:
    assert parsed("[1, 2") == "[1, 2"
    assert parsed("7") == "7"
    assert parsed('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-1", "x", "\u00b2", ""], ids=["long", "negative", "word", "power", "none"]
)
def test_a_number_that_is_none_is_left_out(number: str) -> None:
    given = {f"gen_ai.prompt.{number}.content": "odd", "gen_ai.prompt.0.content": "Hi"}
    assert indexed(given, "gen_ai.prompt") == [{"content": "Hi"}]


@pytest.mark.parametrize("attributes", [CURRENT, OLDER, VERCEL], ids=["current", "older", "Vercel"])
def test_no_value_of_an_attribute_raises(attributes: dict[str, Any]) -> None:
    names = [*attributes, "llm.request.type", "gen_ai.tool.definitions", "gen_ai.response.finish_reasons"]
    for name in names:
        for odd in ODD:
            given = {**attributes, name: odd}
            assert is_model_call(given) in (True, False)
            assert described(ModelCall(()), given).given == ()
