"""The responses API of a wrapped client of OpenAI."""

from typing import Any

import openai
import plaudit_producers as plaudit
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.testing import InMemoryProducer

from tests.support.recorded_chats import conversations, ended, lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


def test_responses_with_tools(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": {}}]
    said: list[Any] = [{"role": "user", "content": "Weather in Oslo?"}]
    with plaudit.conversation("c-1"):
        response = client.responses.create(model="tools", instructions="Be short.", input=said, tools=tools)
        called = response.output[0]
        assert called.type == "function_call"
        said += [
            *response.output,
            {"type": "function_call_output", "call_id": called.call_id, "output": "sun"},
        ]
        client.responses.create(model="tools", instructions="Be short.", input=said, tools=tools)
    assert lines(producer, "c-1") == [
        "system: Be short.",
        "user: Weather in Oslo?",
        "assistant: ",
        "tool: sun",
        "assistant: The tool said: sun",
    ]
    assert recorded(producer)[2].tool_calls[0].arguments == '{"city": "Oslo"}'
    assert recorded(producer)[3].tool_call_id == "call_1"


@pytest.mark.parametrize("model", ["thinking", "tools", "refusing"])
def test_a_streamed_response_is_as_a_plain_one(
    model: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    with plaudit.conversation("plain"):
        client.responses.create(model=model, input="Hello")
    with plaudit.conversation("streamed"):
        list(client.responses.create(model=model, input="Hello", stream=True))
    plain, streamed = (recorded(producer, name)[-1] for name in ("plain", "streamed"))
    for name in ("content", "reasoning", "tool_calls", "finish_reason", "status", "usage", "model"):
        assert getattr(plain, name) == getattr(streamed, name)


@pytest.mark.parametrize("how", ["by the response before", "by a conversation"])
def test_a_history_that_the_server_keeps_is_known(
    how: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    with plaudit.conversation("c-1"):
        if how == "by a conversation":
            for said in ("One", "Two"):
                client.responses.create(model="echo", input=said, conversation="conv_1")
        else:
            first = client.responses.create(model="echo", input="One", instructions="Be short.")
            client.responses.create(model="echo", input="Two", previous_response_id=first.id)
    told = [each for each in recorded(producer, "c-1") if each.role != "system"]
    assert [each.content for each in told] == ["One", "You said: One", "Two", "You said: Two"]
    assert [each.parent_id for each in told[1:]] == [each.message_id for each in told[:-1]]


def test_a_conversation_of_the_server_is_ours_if_there_is_no_other(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    client.responses.create(model="echo", input="Hello", conversation={"id": "conv_7"})
    assert conversations(producer) == ["conv_7"]
    assert ended(producer) == []
