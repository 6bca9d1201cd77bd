"""Models are asked over HTTP, and whatever goes wrong is an error with a sentence."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator

import pytest
from huggingface_hub import ChatCompletionOutput, ChatCompletionStreamOutput
from huggingface_hub.errors import TextGenerationError
from plaudit_producers.chat import endpoints
from plaudit_producers.chat.endpoint_errors import endpoint_error
from plaudit_producers.chat.endpoints import AnswerDelta, EndpointTimeouts, _delta, stream_answer
from plaudit_producers.chat.errors import EndpointError
from plaudit_producers.chat.models_file import ChatModel, ModelParameters

from harness.waiting import come_true
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint, chat_endpoint_process

_TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello you"}]
_LONG = EndpointTimeouts(first_s=60, next_s=60)
_PATIENCE = {
    "silent": EndpointTimeouts(first_s=0.5, next_s=60, whole_s=1),
    "stalled": EndpointTimeouts(first_s=60, next_s=1),
}
"""For models that say nothing, or nothing more."""


@pytest.fixture(scope="module")
def running() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(running: ChatEndpoint) -> ChatEndpoint:
    running.requests.clear()
    running.api_key = None
    return running


async def answer(
    model: ChatModel, timeouts: EndpointTimeouts = _LONG
) -> tuple[list[AnswerDelta], EndpointError | None]:
    """The deltas of an answer, and the error that it ended with."""
    deltas = []
    try:
        async for delta in stream_answer(model, _TURNS, timeouts):
            deltas += [delta]  # those before an error, too
    except EndpointError as error:
        return deltas, error
    return deltas, None


def text_of(deltas: list[AnswerDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def model_at(endpoint: ChatEndpoint, name: str, **fields: object) -> ChatModel:
    return ChatModel.model_validate({"id": name, "endpoint": endpoint.base_url, **fields})


@pytest.mark.parametrize("stream", [pytest.param(True, id="streamed"), pytest.param(False, id="plain")])
def test_an_answer_comes_with_its_reason_usage_and_reasoning(endpoint: ChatEndpoint, stream: bool) -> None:
    deltas, error = asyncio.run(answer(model_at(endpoint, "thinking", stream=stream)))
    assert error is None
    assert text_of(deltas) == "You said: Hello you"
    assert "".join(delta.reasoning for delta in deltas) == "The user said something."
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    (usage,) = [delta.usage for delta in deltas if delta.usage]
    assert usage.output
    assert (len(deltas) > 3) is stream
    assert endpoint.requests[0].body["messages"] == _TURNS


def test_a_tgi_server_answers(endpoint: ChatEndpoint) -> None:
    model = ChatModel(id="mine", kind="tgi", endpoint=endpoint.tgi_url("echo"))
    deltas, error = asyncio.run(answer(model))
    assert error is None
    assert text_of(deltas) == "You said: Hello you"


def test_parameters_are_sent(endpoint: ChatEndpoint) -> None:
    parameters = ModelParameters(max_tokens=2, temperature=0.5, extra_body={"top_k": 3})
    model = model_at(endpoint, "shown", model="echo", parameters=parameters, ask_usage=False)
    deltas, error = asyncio.run(answer(model))
    assert error is None
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["length"]
    body = endpoint.requests[0].body
    assert (body["model"], body["top_k"], body["temperature"]) == ("echo", 3, 0.5)
    assert "stream_options" not in body


@pytest.mark.parametrize("key", [pytest.param("sk-1", id="a key"), pytest.param(None, id="no key")])
def test_only_the_models_own_key_is_sent(
    endpoint: ChatEndpoint, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_machine")
    if key is not None:
        monkeypatch.setenv("MY_KEY", f"{key}\n")
        endpoint.api_key = key
    model = model_at(endpoint, "echo", api_key_env="MY_KEY" if key else "")
    _, error = asyncio.run(answer(model))
    assert error is None
    sent = endpoint.requests[0].headers
    assert "hf_of_this_machine" not in str(sent)
    assert key is None or sent["authorization"] == "Bearer sk-1"


@pytest.mark.parametrize(
    ("name", "kind", "said", "kept"),
    [
        pytest.param("bad-key", "unauthorized", "refuses this page's key", "", id="a refused key"),
        pytest.param("forbidden", "forbidden", "may not use", "", id="a forbidden model"),
        pytest.param("no-such-model", "unknown_model", "does not know the model", "", id="an unknown model"),
        pytest.param("rate-limited", "too_many_requests", "in 7 seconds", "", id="too many requests"),
        pytest.param("broken", "server_error", "failed (500)", "", id="a server error"),
        pytest.param("overloaded", "server_error", "failed (503)", "", id="an overloaded server"),
        pytest.param("cut", "cut_stream", "broke", "You said", id="a broken connection"),
        pytest.param("stops-early", "cut_stream", "broke off", "You said", id="a stream that ends early"),
        pytest.param("error-in-stream", "server_error", "engine fell over", "You said", id="an error object"),
        pytest.param("bad-json", "not_json", "no part of a chat", "You said", id="JSON that is cut off"),
        pytest.param("no-json", "not_json", "as a chat model does", "", id="HTML"),
        pytest.param("empty", "empty_answer", "empty answer", "", id="an empty answer"),
        pytest.param("tools", "empty_answer", "empty answer", "", id="a call of a tool"),
        pytest.param("silent", "timeout", "too long", "", id="silence"),
        pytest.param("stalled", "timeout", "too long", "You said", id="silence in an answer"),
    ],
)
def test_what_goes_wrong_in_a_stream_is_said_in_a_sentence(
    endpoint: ChatEndpoint, name: str, kind: str, said: str, kept: str
) -> None:
    deltas, error = asyncio.run(answer(model_at(endpoint, name), _PATIENCE.get(name, _LONG)))
    assert error is not None
    assert error.kind == kind
    assert said in str(error)
    assert text_of(deltas).startswith(kept)
    assert bool(text_of(deltas)) is bool(kept)
    assert error.retry_after_s == (7 if name == "rate-limited" else None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("bad-json", "not_json", id="JSON that is cut off"),
        pytest.param("no-json", "not_json", id="HTML"),
        pytest.param("empty", "empty_answer", id="an empty answer"),
        pytest.param("broken", "server_error", id="a server error"),
        pytest.param("cut", "cut_stream", id="a broken connection"),
        pytest.param("silent", "timeout", id="silence"),
    ],
)
def test_what_goes_wrong_without_a_stream_is_said_in_a_sentence(
    endpoint: ChatEndpoint, name: str, kind: str
) -> None:
    deltas, error = asyncio.run(answer(model_at(endpoint, name, stream=False), _PATIENCE.get(name, _LONG)))
    assert text_of(deltas) == ""
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize("name", ["overloaded", "rate-limited", "error-in-stream"])
def test_a_tgi_servers_errors_are_said_in_a_sentence(endpoint: ChatEndpoint, name: str) -> None:
    model = ChatModel(id="mine", kind="tgi", endpoint=endpoint.tgi_url(name))
    _, error = asyncio.run(answer(model))
    assert error is not None
    assert error.kind in ("server_error", "too_many_requests")


def test_an_endpoint_that_is_not_there_cannot_be_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    _, error = asyncio.run(answer(ChatModel(id="gone", endpoint=url)))
    assert error is not None
    assert error.kind == "unreachable"


def test_an_endpoint_that_is_killed_in_an_answer_leaves_its_part() -> None:
    async def killed() -> tuple[str, EndpointError | None]:
        text = ""
        try:
            async for delta in stream_answer(ChatModel(id="echo", endpoint=process.base_url), _TURNS, _LONG):
                if delta.text and not text:
                    await asyncio.to_thread(process.kill)
                text += delta.text
        except EndpointError as error:
            return text, error
        return text, None

    with chat_endpoint_process(pace_s=1) as process:
        text, error = asyncio.run(killed())
    assert text
    assert "You said: Hello you".startswith(text)
    assert error is not None
    assert error.kind == "cut_stream"


def test_a_closed_answer_closes_its_connection(endpoint: ChatEndpoint) -> None:
    async def leave() -> None:
        deltas = stream_answer(model_at(endpoint, "stalled"), _TURNS, _LONG)
        assert await anext(deltas)
        await deltas.aclose()
        await come_true(lambda: endpoint.left > before, "the connection is closed")

    before = endpoint.left
    asyncio.run(leave())


def test_a_pause_in_an_answer_may_be_shorter_than_the_time_to_its_first_word(endpoint: ChatEndpoint) -> None:
    async def in_time() -> EndpointError | None:
        async with asyncio.timeout(60):
            return (await answer(model_at(endpoint, "stalled"), EndpointTimeouts(600, 0.5)))[1]

    error = asyncio.run(in_time())
    assert error is not None
    assert error.kind == "timeout"


def test_an_answer_that_does_not_end_is_cut(endpoint: ChatEndpoint) -> None:
    endpoint.answers.append("word " * 2000)
    endpoint.pace_s = 0.05
    try:
        timeouts = EndpointTimeouts(first_s=60, next_s=60, whole_s=3)
        deltas, error = asyncio.run(answer(model_at(endpoint, "echo"), timeouts))
    finally:
        endpoint.pace_s = 0
    assert text_of(deltas).startswith("word word")
    assert error is not None
    assert error.kind == "timeout"


@pytest.mark.parametrize(
    ("chunk", "delta"),
    [
        pytest.param(
            {"choices": [{"delta": {"content": [{"type": "text", "text": "Hi"}, {"type": "image"}, 7]}}]},
            AnswerDelta("Hi"),
            id="content in parts",
        ),
        pytest.param(
            {"choices": [{"delta": {"reasoning_content": "Hm"}}]}, AnswerDelta("", "Hm"), id="reasoning"
        ),
        pytest.param({"choices": [{"delta": {"content": 7}}]}, AnswerDelta(), id="a number"),
        pytest.param(
            {"choices": [{"finish_reason": "stop"}]}, AnswerDelta(finish_reason="stop"), id="the end"
        ),
        pytest.param(
            {"choices": [{"delta": {"content": "Hi"}, "finish_reason": ""}]},
            AnswerDelta("Hi"),
            id="an empty reason",
        ),
        pytest.param(
            {"choices": [{"index": 1, "delta": {"content": "Ho"}, "finish_reason": "stop"}]},
            AnswerDelta(),
            id="another answer",
        ),
        pytest.param({"choices": None, "usage": {"prompt_tokens": -1}}, AnswerDelta(), id="an odd usage"),
        pytest.param({}, AnswerDelta(), id="nothing"),
    ],
)
def test_odd_chunks_are_read(chunk: dict[str, object], delta: AnswerDelta) -> None:
    assert _delta(ChatCompletionStreamOutput.parse_obj_as_instance(chunk), "delta") == delta


@pytest.mark.parametrize(
    "error",
    [pytest.param({"message": "No credit."}, id="an object"), pytest.param("No credit.", id="a text")],
)
def test_an_error_with_status_200_is_no_empty_answer(error: object) -> None:
    with pytest.raises(TextGenerationError) as raised:
        _delta(ChatCompletionOutput.parse_obj_as_instance({"error": error}), "message")
    assert str(endpoint_error(raised.value)).endswith('It says: "No credit."')


@pytest.mark.parametrize(
    ("finish", "whole"),
    [pytest.param("stop", True, id="after the finish reason"), pytest.param(None, False, id="before it")],
)
def test_what_goes_wrong_after_the_end_of_an_answer_does_not_matter(
    endpoint: ChatEndpoint, monkeypatch: pytest.MonkeyPatch, finish: str | None, whole: bool
) -> None:
    async def deltas(*_: object) -> AsyncGenerator[AnswerDelta]:
        yield AnswerDelta("Hi", finish_reason=finish)
        raise ValueError("data:[DONE] is no JSON")

    monkeypatch.setattr(endpoints, "_deltas", deltas)
    found, error = asyncio.run(answer(model_at(endpoint, "echo")))
    assert text_of(found) == "Hi"
    assert (error is None) is whole


@pytest.mark.parametrize("stream", [pytest.param(True, id="streamed"), pytest.param(False, id="plain")])
def test_endpoints_are_asked_although_the_hub_is_offline(
    endpoint: ChatEndpoint, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    deltas, error = asyncio.run(answer(model_at(endpoint, "echo", stream=stream)))
    assert error is None
    assert text_of(deltas) == "You said: Hello you"


@pytest.mark.parametrize("stream", [pytest.param(True, id="streamed"), pytest.param(False, id="plain")])
def test_a_refusal_is_an_answer(endpoint: ChatEndpoint, stream: bool) -> None:
    deltas, error = asyncio.run(answer(model_at(endpoint, "refusing", stream=stream)))
    assert error is None
    assert text_of(deltas) == "I cannot help with that."


def test_an_answer_in_one_piece_has_the_time_of_a_whole_answer(endpoint: ChatEndpoint) -> None:
    async def in_time(timeouts: EndpointTimeouts) -> EndpointError | None:
        async with asyncio.timeout(20):
            return (await answer(model_at(endpoint, "silent", stream=False), timeouts))[1]

    error = asyncio.run(in_time(EndpointTimeouts(first_s=60, next_s=60, whole_s=0.5)))
    assert error is not None
    assert error.kind == "timeout"
