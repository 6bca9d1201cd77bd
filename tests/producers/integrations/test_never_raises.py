"""Faults of ours in every place, in every integration: the host gets what it gets without us."""

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import plaudit_producers as plaudit
import pytest
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from opentelemetry.util.genai.types import InputMessage, OutputMessage, TextPart, ToolCallRequestPart
from plaudit_producers.integrations import producers
from plaudit_producers.integrations.asgi import PlauditMiddleware
from plaudit_producers.integrations.guard import swallowed_errors
from plaudit_producers.integrations.langchain import PlauditCallbackHandler
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.integrations.opentelemetry import PlauditCompletionHook
from plaudit_producers.integrations.opentelemetry_spans import ConversationSpanProcessor
from plaudit_producers.model_calls.recorder import CallRecorder
from plaudit_producers.testing import InMemoryProducer
from pydantic import SecretStr

from tests.support.asgi_visits import request
from tests.support.broken_places import Place, broken_run
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.litellm_payloads import payload
from tests.support.model_calls import call, chat

ASKED: Any = [{"role": "user", "content": "How are you?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]

SPARED = frozenset(
    {
        # Iterators around the host's iterator: they only hand on.
        "_Loop.__init__",
        "_Watched.__init__",
        "_Watched.__next__",
        "_Watch.note_asked",
        # Finalizers: what they raise reaches nobody. Python decides when they run.
        "_Watched.__del__",
        "_Watch.leave",
        "OpenAICall.ended",
        "OpenCall.ended",
        "DeferredWork.put",
        # Set a context variable.
        "PlauditMiddleware._serve",
        "conversation.__enter__",
        "conversation.__exit__",
    }
)
"""Functions without anything that could fail, or whose errors reach no host."""


def openai_plain(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.create(model="tools", messages=ASKED, tools=TOOLS, n=2)
    return type(answer), [choice.message for choice in answer.choices]


def openai_streamed(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(model="echo", messages=ASKED, stream=True)
    return type(stream), [chunk.choices[0].delta for chunk in stream]


def openai_left(client: openai.OpenAI) -> Any:
    with client.chat.completions.create(model="echo", messages=ASKED, stream=True) as stream:
        return next(stream).choices[0].delta


def openai_cut(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(model="cut", messages=ASKED, stream=True)
    said: list[Any] = []
    with pytest.raises(openai.APIConnectionError) as raised:
        said.extend(chunk.choices[0].delta for chunk in stream)
    return said, str(raised.value)


def openai_refused(client: openai.OpenAI) -> Any:
    with pytest.raises(openai.RateLimitError) as raised:
        client.responses.create(model="rate-limited", input="How are you?")
    return type(raised.value), str(raised.value), raised.value.response.headers["retry-after"]


def openai_responses(client: openai.OpenAI) -> Any:
    answer = client.responses.create(model="echo", input="How are you?", instructions="Be kind.")
    return type(answer), answer.output_text


def openai_raw(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.with_raw_response.create(model="echo", messages=ASKED)
    return type(answer), answer.parse().choices[0].message


@pytest.mark.slow
@pytest.mark.parametrize(
    "host",
    [
        pytest.param(openai_plain, id="openai, plain"),
        pytest.param(openai_streamed, marks=pytest.mark.slow, id="openai, streamed"),
        pytest.param(openai_left, marks=pytest.mark.slow, id="openai, stream left early"),
        pytest.param(openai_cut, id="openai, cut stream"),
        pytest.param(openai_refused, marks=pytest.mark.slow, id="openai, refused"),
        pytest.param(openai_responses, marks=pytest.mark.slow, id="openai, responses"),
        pytest.param(openai_raw, marks=pytest.mark.slow, id="openai, raw"),
    ],
)
def test_a_fault_in_wrap_does_not_reach_the_host(
    host: Callable[[openai.OpenAI], Any], plain_client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    expected = host(plain_client)
    client = wrap(plain_client, producer=producer)
    assert_unharmed(lambda: host(client), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "echo",
        pytest.param("cut", marks=pytest.mark.slow),
        pytest.param("tools", marks=pytest.mark.slow),
        pytest.param("rate-limited", marks=pytest.mark.slow),
    ],
)
def test_a_fault_in_the_handler_of_langchain_does_not_reach_the_host(
    name: str, endpoint: ChatEndpoint, producer: InMemoryProducer
) -> None:
    model = ChatOpenAI(model=name, base_url=endpoint.base_url, api_key=SecretStr("k"), max_retries=0)
    chain: Any = RunnableLambda(lambda text: f"{text}?") | (
        model.bind(tools=TOOLS) if name == "tools" else model
    )

    def ask(*handlers: PlauditCallbackHandler) -> Any:
        try:
            answer = chain.invoke("How are you", {"callbacks": [*handlers]})
        except openai.APIError as error:
            return type(error), str(error)
        return type(answer), answer.content, answer.tool_calls

    handler = PlauditCallbackHandler(producer)
    handler.raise_error = True  # LangChain itself would swallow what we raise
    assert_unharmed(lambda: ask(handler), ask())


@pytest.mark.slow
def test_a_fault_in_the_logger_of_litellm_does_not_reach_the_host(producer: InMemoryProducer) -> None:
    from plaudit_producers.integrations.litellm import LiteLLMLogger  # LiteLLM takes seconds to load

    logger = LiteLLMLogger(producer)
    known = {"standard_logging_object": payload()}

    def log() -> None:
        logger.log_success_event(known, None, None, None)
        logger.log_failure_event(known, None, None, None)
        asyncio.run(log_later())

    async def log_later() -> None:
        await logger.async_log_success_event(known, None, None, None)
        await logger.async_log_failure_event(known, None, None, None)

    assert_unharmed(log, None)


def test_a_fault_in_the_hook_of_opentelemetry_does_not_reach_the_host(producer: InMemoryProducer) -> None:
    hook = PlauditCompletionHook(producer)  # OpenTelemetry itself would swallow what it raises
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ConversationSpanProcessor())
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "echo"}
    call = ToolCallRequestPart(arguments={"city": "Oslo"}, name="look_up", id="call_1")

    def complete() -> None:
        with provider.get_tracer("tests").start_as_current_span(
            "chat", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            hook.on_completion(
                inputs=[InputMessage("user", [TextPart("How are you?")])],
                outputs=[OutputMessage("assistant", [TextPart("Well."), call], "tool_calls")],
                system_instruction=[TextPart("Be kind.")],
                span=span,
            )

    assert_unharmed(complete, None)


def test_a_fault_in_the_middleware_does_not_reach_the_host() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def visit() -> Any:
        middleware = PlauditMiddleware(app, user=lambda _: "u-1")
        sent = asyncio.run(request(middleware, [(b"cookie", b"a=b; plaudit_conversation=c")]))
        return sent["status"], sent["json"]

    assert_unharmed(visit, (201, {}))


def test_a_fault_that_reaches_the_host_is_seen(producer: InMemoryProducer) -> None:
    with pytest.raises(AssertionError, match="events_of"):
        assert_unharmed(lambda: CallRecorder(producer).record(call(chat("u: a"), "b")) and None, None)


def closed() -> InMemoryProducer:
    producer = InMemoryProducer()
    producer.close()
    return producer


def full() -> InMemoryProducer:
    producer = InMemoryProducer(when_full="raise", max_buffer_events=1)
    producer.go_offline()
    return producer


def unredacted() -> InMemoryProducer:
    return InMemoryProducer(redact=lambda _: 1 / 0)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(closed, id="a closed producer"),
        pytest.param(full, id="a full buffer"),
        pytest.param(unredacted, id="a redact hook that fails"),
        pytest.param(lambda: None, id="a wrong setting"),
    ],
)
def test_a_producer_that_raises_does_not_reach_the_host(
    made: Callable[[], InMemoryProducer | None], plain_client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAUDIT_APPLICATION", "x" * 1000)
    monkeypatch.setattr(producers, "_shared", None)
    expected, noted = openai_plain(plain_client), sum(swallowed_errors().values())
    producer = made()
    assert openai_plain(wrap(plain_client, producer=producer)) == expected
    rejected = {} if producer is None else producer.stats().rejected
    assert sum(swallowed_errors().values()) + sum(rejected.values()) > noted


def assert_unharmed(host: Callable[[], Any], expected: Any) -> None:
    """Break each place of ours that a host runs through, one at a time. What the host sees stays the same."""
    done: set[Place] = set()
    harmed, unnoted = {}, []
    assert host() == expected
    while True:
        noted = sum(swallowed_errors().values())
        with plaudit.conversation():
            broken = broken_run(host, done, SPARED)
        if broken.place is None:
            break
        if broken.error is not None or broken.result != expected:
            harmed[broken.place] = broken.error or broken.result
        elif sum(swallowed_errors().values()) == noted:
            unnoted.append(broken.place)
    assert (harmed, unnoted) == ({}, [])
    assert done
