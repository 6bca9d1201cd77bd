"""LangChain's callback handler: what is recorded of models, chains and agents."""

import asyncio
from typing import Any
from uuid import UUID

import plaudit_producers as plaudit
import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from plaudit_producers.integrations.langchain import PlauditCallbackHandler
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.testing import InMemoryProducer
from pydantic import SecretStr

from harness.waiting import eventually
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.recorded_chats import conversations, ended, lines, recorded

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}


@pytest.fixture
def config(producer: InMemoryProducer) -> RunnableConfig:
    return {"callbacks": [PlauditCallbackHandler(producer)]}


def model(endpoint: ChatEndpoint, name: str = "echo", **more: Any) -> ChatOpenAI:
    made = {"base_url": endpoint.base_url, "api_key": SecretStr("k"), "max_retries": 0, "timeout": 60}
    return ChatOpenAI(model=name, **{**made, **more})


def test_a_model_alone_is_a_conversation_of_its_own(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    run_id = UUID(int=7)
    answer = model(endpoint, temperature=0.5).invoke("Hello", {**config, "run_id": run_id})
    assert answer.content == "You said: Hello"
    assert lines(producer) == ["user: Hello", "assistant: You said: Hello"]
    told = recorded(producer)[1]
    assert told.model is not None
    assert (told.model.id, told.finish_reason, told.status) == ("echo", "stop", "complete")
    assert told.usage is not None
    assert told.metadata["response_id"].startswith("chatcmpl-")
    assert '"temperature":0.5' in (told.parameters or "")
    assert conversations(producer) == [str(run_id)]
    assert ended(producer) == [str(run_id)]


def test_the_current_conversation_counts(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    with plaudit.conversation("c-1", user_id="u-1") as current:
        model(endpoint).invoke("Hello", {**config, "metadata": {"thread_id": "t-1", "shop": "books"}})
    assert conversations(producer) == ["c-1"]
    assert ended(producer) == []
    assert current.last_message_id == recorded(producer)[-1].message_id
    assert recorded(producer)[-1].metadata["shop"] == "books"
    assert not any(name.startswith("ls_") for name in recorded(producer)[-1].metadata)


@pytest.mark.parametrize("name", ["thread_id", "session_id", "conversation_id"])
def test_the_metadata_names_the_conversation(
    name: str, endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    for question in ("One", "Two"):
        model(endpoint).invoke(question, {**config, "metadata": {name: "t-1"}})
    assert conversations(producer) == ["t-1"]
    assert ended(producer) == []


def test_a_thread_of_langgraph_names_the_conversation(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    chain: Runnable[str, Any] = RunnableLambda(lambda question: model(endpoint).invoke(question))
    chain.invoke("Hello", {**config, "configurable": {"thread_id": "t-1"}})
    assert conversations(producer) == ["t-1"]


def test_nested_runs_are_one_conversation(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be short."), ("human", "{question}")])
    inner = prompt | model(endpoint)

    def twice(question: str) -> str:
        first = inner.invoke({"question": question})
        return inner.invoke({"question": f"{question} {first.content}"}).text

    chain = RunnableLambda(twice) | RunnableLambda(str.upper)
    assert chain.invoke("Hello", config) == "YOU SAID: HELLO YOU SAID: HELLO"
    assert len(conversations(producer)) == 1
    assert ended(producer) == conversations(producer)
    assert [line for line in lines(producer) if line.startswith("user")] == [
        "user: Hello",
        "user: Hello You said: Hello",
    ]
    chain.invoke("Again", config)
    assert len(conversations(producer)) == 2


def test_runs_at_the_same_time_do_not_mix(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    def introduce(number: int) -> str:
        return f"I am {number}."

    chain = RunnableLambda(introduce) | model(endpoint)
    chain.batch(list(range(10)), config)
    assert len(conversations(producer)) == 10
    for conversation_id in conversations(producer):
        asked, answer = lines(producer, conversation_id)
        assert answer == f"assistant: You said: {asked.removeprefix('user: ')}"


def test_an_agent_with_tools(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    @tool
    def weather(city: str) -> str:
        """Say the weather."""
        model(endpoint).invoke(f"What is {city}?")
        return "sun"

    bound = model(endpoint, "tools").bind_tools([weather])

    def agent(question: str) -> str:
        said: list[BaseMessage] = [HumanMessage(question)]
        called = bound.invoke(said)
        assert isinstance(called, AIMessage)
        said += [called, ToolMessage(weather.invoke(called.tool_calls[0]["args"]), tool_call_id="call_1")]
        return bound.invoke(said).text

    assert RunnableLambda(agent).invoke("Weather in Oslo?", config) == "The tool said: sun"
    assert len(conversations(producer)) == 1  # with the model within the tool
    asked, called, inner, _, told, answer = recorded(producer)
    assert (asked.content, inner.content) == ("Weather in Oslo?", "What is Oslo?")
    assert [(call.name, call.arguments) for call in called.tool_calls] == [("weather", '{"city":"Oslo"}')]
    assert called.finish_reason == "tool_calls"
    assert (told.role, told.content, told.tool_call_id) == ("tool", "sun", "call_1")
    assert (answer.content, answer.parent_id) == ("The tool said: sun", told.message_id)
    assert "weather" in (answer.tools or "")


def test_a_stream(endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig) -> None:
    chunks = list(model(endpoint, "echo", stream_usage=True).stream("Hello", config))
    assert "".join(chunk.text for chunk in chunks) == "You said: Hello"
    answer = recorded(producer)[-1]
    assert (answer.content, answer.status, answer.finish_reason) == ("You said: Hello", "complete", "stop")
    assert answer.first_token_ms is not None
    assert answer.usage is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        pytest.param("stops-early", {}, id="no reason"),
        pytest.param("echo", {"max_tokens": 2}, id="limit"),
        pytest.param("echo", {"max_tokens": 2, "use_responses_api": True}, id="limit, responses API"),
    ],
)
def test_a_stream_whose_end_is_missing_is_cut(
    name: str,
    more: dict[str, Any],
    endpoint: ChatEndpoint,
    producer: InMemoryProducer,
    config: RunnableConfig,
) -> None:
    list(model(endpoint, name, **more).stream("Hello", config))
    assert (recorded(producer)[-1].content, recorded(producer)[-1].status) == ("You said:", "cut")


def test_a_stream_that_is_left_is_kept_as_cut(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    for chunk in (RunnableLambda(lambda text: text) | model(endpoint, "stalled")).stream("Hello", config):
        if chunk.text:
            break
    eventually(lambda: len(ended(producer)) == 1, "the cut answer is recorded")
    assert (recorded(producer)[-1].content, recorded(producer)[-1].status) == ("You", "cut")


@pytest.mark.parametrize(("name", "status"), [("cut", "cut"), ("broken", "error"), ("rate-limited", "error")])
def test_failures_are_raised_as_before_and_recorded(
    name: str, status: str, endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    with pytest.raises(Exception, match=r"Connection error|Error code") as caught:
        list(model(endpoint, name).stream("Hello", config))
    answer = recorded(producer)[-1]
    assert answer.status == status
    assert type(caught.value).__name__ in answer.metadata["error"]
    assert len(ended(producer)) == 1


def test_asynchronous_runs(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    async def chat(number: int) -> str | None:
        async with plaudit.conversation(f"c-{number}") as current:
            chain = RunnableLambda(lambda question: question) | model(endpoint)
            await chain.ainvoke(f"I am {number}.", config)
            async for _ in chain.astream("And now?", config):
                pass
            async for _ in chain.astream_events("Events?", config):
                pass
            return current.last_message_id

    async def run() -> list[str | None]:
        return await asyncio.gather(*(chat(number) for number in range(5)))

    last = asyncio.run(run())
    for number in range(5):
        told = recorded(producer, f"c-{number}")
        assert [each.content for each in told] == [
            *(f"I am {number}.", f"You said: I am {number}."),
            *("And now?", "You said: And now?"),
            *("Events?", "You said: Events?"),
        ]
        assert told[-1].message_id == last[number]


def test_answers_of_the_responses_api(
    endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    model(endpoint, "thinking", use_responses_api=True).invoke("Hello", config)
    answer = recorded(producer)[-1]
    assert (answer.content, answer.reasoning) == ("You said: Hello", "The user said something.")
    assert answer.metadata["response_id"].startswith("resp-")


def test_a_model_of_texts(producer: InMemoryProducer, config: RunnableConfig) -> None:
    assert FakeListLLM(responses=["World"]).invoke("Hello", config) == "World"
    assert lines(producer) == ["user: Hello", "assistant: World"]


def test_a_handler_of_the_model_alone_records_it(endpoint: ChatEndpoint, producer: InMemoryProducer) -> None:
    handled = model(endpoint, callbacks=[PlauditCallbackHandler(producer)])
    (RunnableLambda(lambda text: text) | handled).invoke("Hello")
    assert lines(producer) == ["user: Hello", "assistant: You said: Hello"]


@pytest.mark.parametrize("stream", [False, True], ids=["invoked", "streamed"])
def test_a_call_that_two_integrations_see_counts_once(
    stream: bool, endpoint: ChatEndpoint, producer: InMemoryProducer, config: RunnableConfig
) -> None:
    seen = model(endpoint, "tools").bind_tools([WEATHER])
    said: list[BaseMessage] = [HumanMessage("Weather?")]
    called = AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "call_1"}])
    with InMemoryProducer() as other, plaudit.conversation("c-1"):
        wrap(seen.bound.root_client, producer=other)  # type: ignore[attr-defined]
        if stream:
            list(seen.stream(said, config))
        else:
            seen.invoke(said, config)
        seen.invoke([*said, called, ToolMessage("sun", tool_call_id="call_1")], config)
        assert [each.role for each in recorded(other)] == ["user", "assistant", "tool", "assistant"]
        assert [each.message_id for each in recorded(other)] == [
            each.message_id for each in recorded(producer)
        ]


def test_errors_of_ours_never_reach_the_program(
    endpoint: ChatEndpoint,
    producer: InMemoryProducer,
    config: RunnableConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken on purpose")

    for broken in ("open_calls.record_call", "langchain.asked_of", "langchain.answered_of"):
        monkeypatch.setattr(f"plaudit_producers.integrations.{broken}", fail)
        chain = RunnableLambda(lambda text: text) | model(endpoint)
        assert chain.invoke("Hello", config).content == "You said: Hello"
        assert "".join(chunk.text for chunk in chain.stream("Hello", config)) == "You said: Hello"
    assert lines(producer) == []
