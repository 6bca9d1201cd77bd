"""OpenTelemetry's completion hook, with the instrumentation of openai and a real endpoint."""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import openai
import plaudit_producers as plaudit
import pytest
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.util.genai.completion_hook import CompletionHook, load_completion_hook
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.types import InputMessage, OutputMessage, TextPart
from plaudit_producers.integrations import recording
from plaudit_producers.integrations.guard import swallowed_errors
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.integrations.opentelemetry import PlauditCompletionHook
from plaudit_producers.integrations.opentelemetry_spans import ConversationSpanProcessor
from plaudit_producers.testing import InMemoryProducer

from tests.support.chat_endpoint import ChatEndpoint
from tests.support.recorded_chats import conversations, lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"

Instrument = Callable[..., None]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    yield made
    made.shutdown()


@pytest.fixture
def instrument(producer: InMemoryProducer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instrument]:
    """Instruments openai; content capture is off, as it is by default."""
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", raising=False)
    instrumentor = OpenAIInstrumentor()

    def start(provider: TracerProvider) -> None:
        instrumentor.instrument(
            tracer_provider=provider, completion_hook=PlauditCompletionHook(producer=producer)
        )

    yield start
    instrumentor.uninstrument()


@pytest.fixture
def traced(instrument: Instrument, provider: TracerProvider, plain_client: openai.OpenAI) -> openai.OpenAI:
    """A client of OpenAI whose calls are traced."""
    instrument(provider)
    return plain_client


def test_the_hook_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK", "plaudit")
    found = load_completion_hook()
    assert isinstance(getattr(found, "_wrapped", None), PlauditCompletionHook)
    assert isinstance(PlauditCompletionHook(), CompletionHook)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_call_is_recorded_without_content_capture(
    traced: openai.OpenAI, producer: InMemoryProducer, exporter: InMemorySpanExporter, streamed: bool
) -> None:
    create: Any = traced.chat.completions.create
    more = {"stream_options": {"include_usage": True}} if streamed else {}
    with plaudit.conversation("c-1", user_id="u-1") as current:
        made = create(model="echo", messages=ASKED, temperature=0.5, stream=streamed, **more)
        if streamed:
            list(made)
    asked, answer = recorded(producer, "c-1")
    assert lines(producer) == ["user: How are you?", f"assistant: {ANSWER}"]
    assert answer.parent_id == asked.message_id
    assert answer.message_id == current.last_message_id
    assert answer.model is not None
    assert (answer.model.id, answer.model.metadata) == ("echo", {"provider": "openai"})
    assert (answer.finish_reason, answer.status) == ("stop", "complete")
    assert answer.usage is not None
    assert answer.usage.output
    assert json.loads(answer.parameters or "")["temperature"] == 0.5
    assert answer.latency_ms is not None
    assert (answer.first_token_ms is not None) == streamed
    assert answer.metadata.keys() == {"response_id", "trace_id", "span_id"}
    [exported] = exporter.get_finished_spans()
    assert "How are you?" not in exported.to_json()


def test_an_asynchronous_stream_is_recorded(
    instrument: Instrument, provider: TracerProvider, endpoint: ChatEndpoint, producer: InMemoryProducer
) -> None:
    async def use() -> None:
        client = openai.AsyncOpenAI(base_url=endpoint.base_url, api_key="k")
        async with client, plaudit.conversation("c-1"):
            async for _ in await client.chat.completions.create(model="echo", messages=ASKED, stream=True):
                pass

    instrument(provider)
    asyncio.run(use())
    assert lines(producer, "c-1") == ["user: How are you?", f"assistant: {ANSWER}"]


def test_the_calls_of_a_trace_are_one_conversation(
    traced: openai.OpenAI, producer: InMemoryProducer, provider: TracerProvider
) -> None:
    said: list[Any] = list(ASKED)
    with provider.get_tracer("agent").start_as_current_span("agent") as span:
        answer = traced.chat.completions.create(model="echo", messages=said).choices[0].message
        said += [answer, {"role": "user", "content": "And now?"}]  # as many do it, with the object that came
        traced.chat.completions.create(model="echo", messages=said)
    assert conversations(producer) == [f"{span.get_span_context().trace_id:032x}"]
    assert lines(producer) == [
        "user: How are you?",
        f"assistant: {ANSWER}",
        "user: And now?",
        "assistant: You said: And now?",
    ]


def test_tool_calls_are_recorded(traced: openai.OpenAI, producer: InMemoryProducer) -> None:
    tools: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    said: list[Any] = [{"role": "user", "content": "Weather in Oslo?"}]
    with plaudit.conversation("c-1"):
        answer: Any = (
            traced.chat.completions.create(model="tools", messages=said, tools=tools).choices[0].message
        )
        result: Any = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "sun"}
        traced.chat.completions.create(model="tools", messages=[*said, answer, result], tools=tools)
    assert lines(producer, "c-1") == [
        "user: Weather in Oslo?",
        "assistant: ",
        "tool: sun",
        "assistant: The tool said: sun",
    ]
    first = recorded(producer)[1]
    assert first.tool_calls[0].name == "weather"
    assert "weather" in (first.tools or "")


def test_several_answers_are_siblings(traced: openai.OpenAI, producer: InMemoryProducer) -> None:
    traced.chat.completions.create(model="counting", messages=ASKED, n=2)
    _, first, second = recorded(producer)
    assert first.parent_id == second.parent_id
    assert first.content != second.content


def test_a_conversation_that_openai_keeps_is_known(traced: openai.OpenAI, producer: InMemoryProducer) -> None:
    with plaudit.conversation("c-1"):
        for said in ("One", "Two"):
            traced.responses.create(model="echo", input=said, conversation="conv_1")
    assert_line(producer)


def test_a_response_that_follows_another_is_placed_after_it(
    producer: InMemoryProducer, provider: TracerProvider
) -> None:
    handler = TelemetryHandler(
        tracer_provider=provider, completion_hook=PlauditCompletionHook(producer=producer)
    )
    with plaudit.conversation("c-1"):
        for number, said in enumerate(("One", "Two")):
            call = handler.inference("openai", request_model="echo")
            call.input_messages = [InputMessage(role="user", parts=[TextPart(said)])]
            call.output_messages = [
                OutputMessage(role="assistant", parts=[TextPart(f"You said: {said}")], finish_reason="stop")
            ]
            call.response_id = f"r{number}"
            call.previous_response_id = f"r{number - 1}" if number else None
            call.stop()
    assert_line(producer)


def assert_line(producer: InMemoryProducer) -> None:
    """Two questions with their answers, one after the other."""
    messages = recorded(producer, "c-1")
    assert [each.content for each in messages] == ["One", "You said: One", "Two", "You said: Two"]
    assert [each.parent_id for each in messages[1:]] == [each.message_id for each in messages[:-1]]


@pytest.mark.parametrize("model", ["bad-key", "rate-limited", "broken"])
def test_a_failed_call_is_recorded_as_failed(
    traced: openai.OpenAI, producer: InMemoryProducer, model: str
) -> None:
    with plaudit.conversation("c-1"), pytest.raises(openai.OpenAIError):
        traced.chat.completions.create(model=model, messages=ASKED).choices[0]  # as a user reads it
    _, answer = recorded(producer)
    assert (answer.status, answer.content) == ("error", "")
    assert answer.metadata["error"]


@pytest.mark.parametrize("model", ["cut", "stops-early"])
def test_a_stream_that_breaks_is_kept_as_cut(
    traced: openai.OpenAI, producer: InMemoryProducer, model: str
) -> None:
    stream = traced.chat.completions.create(model=model, messages=ASKED, stream=True)
    said = ""
    with suppress(Exception):  # what the library raises here differs by its version
        for piece in stream:
            said += piece.choices[0].delta.content or "" if piece.choices else ""
    _, answer = recorded(producer)
    assert answer.status == "cut"
    assert answer.content == said == "You said:"


def test_a_stream_may_be_read_elsewhere(
    traced: openai.OpenAI,
    producer: InMemoryProducer,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
) -> None:
    provider.add_span_processor(ConversationSpanProcessor())
    with plaudit.conversation("c-1"):
        stream = traced.chat.completions.create(model="echo", messages=ASKED, stream=True)
    with plaudit.conversation("c-2"):
        list(stream)
    assert conversations(producer) == ["c-1"]
    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["gen_ai.conversation.id"] == "c-1"


def test_only_spans_of_models_name_the_conversation(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    provider.add_span_processor(ConversationSpanProcessor())
    tracer = provider.get_tracer("test")
    with plaudit.conversation("c-1"):
        tracer.start_span("GET /").end()
        tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat"}).end()
    contextvars.Context().run(
        lambda: tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat"}).end()
    )
    named = [
        bool((span.attributes or {}).get("plaudit.conversation.id")) for span in exporter.get_finished_spans()
    ]
    assert named == [False, True, False]


def test_the_hook_beside_a_wrapped_client_counts_once(
    traced: openai.OpenAI, producer: InMemoryProducer
) -> None:
    client = wrap(traced, producer=producer)
    with plaudit.conversation("c-1"):
        client.chat.completions.create(model="echo", messages=ASKED)
    assert lines(producer) == ["user: How are you?", f"assistant: {ANSWER}"]


def test_an_unsampled_call_is_recorded_without_its_model(
    instrument: Instrument,
    plain_client: openai.OpenAI,
    producer: InMemoryProducer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    instrument(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    with caplog.at_level(logging.WARNING, "plaudit_producers"), plaudit.conversation("c-1"):
        for _ in range(2):
            plain_client.chat.completions.create(model="echo", messages=ASKED)
    assert lines(producer, "c-1") == ["user: How are you?", f"assistant: {ANSWER}"]
    assert recorded(producer)[1].model is None
    assert [record.getMessage()[:30] for record in caplog.records] == ["a model call has no recorded s"]


def test_agents_and_workflows_are_left_to_their_calls(
    producer: InMemoryProducer, provider: TracerProvider
) -> None:
    handler = TelemetryHandler(
        tracer_provider=provider, completion_hook=PlauditCompletionHook(producer=producer)
    )
    said = [InputMessage(role="user", parts=[TextPart("Hi")])]
    answered = [OutputMessage(role="assistant", parts=[TextPart("Hello")], finish_reason="stop")]
    workflow = handler.workflow(name="flow")
    workflow.input_messages, workflow.output_messages = said, answered
    agent = handler.invoke_local_agent(agent_name="agent")
    agent.input_messages, agent.output_messages = said, answered
    call = handler.inference("anthropic", request_model="m", conversation_id="c-9")
    call.input_messages, call.output_messages = said, answered
    call.system_instruction = [TextPart("Be brief.")]
    call.stop()
    agent.stop()
    workflow.stop()
    assert conversations(producer) == ["c-9"]
    assert lines(producer) == ["system: Be brief.", "user: Hi", "assistant: Hello"]


def test_an_error_of_ours_never_reaches_the_host(
    traced: openai.OpenAI, producer: InMemoryProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("plaudit_producers.integrations.opentelemetry.record_call", breaks)
    monkeypatch.setattr(recording, "record_call", breaks)
    before = swallowed_errors().get("opentelemetry: recording a call", 0)
    completion = traced.chat.completions.create(model="echo", messages=ASKED)
    assert completion.choices[0].message.content == ANSWER
    assert swallowed_errors()["opentelemetry: recording a call"] == before + 1
    assert producer.events == []
