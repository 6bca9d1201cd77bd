"""Streams of a wrapped client of OpenAI: whole, left, closed, and at their own pace."""

import gc

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.testing import InMemoryProducer

from harness.waiting import eventually
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.recorded_chats import lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


def test_a_stream_is_recorded_at_its_end(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    stream = client.chat.completions.create(
        model="thinking", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    assert isinstance(stream, openai.Stream)
    assert lines(producer) == []
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    answer = recorded(producer)[-1]
    assert (answer.content, answer.reasoning) == (ANSWER, "The user said something.")
    assert answer.status == "complete"
    assert answer.usage is not None
    assert answer.first_token_ms is not None
    assert answer.latency_ms is not None
    assert answer.first_token_ms <= answer.latency_ms


def test_a_stream_keeps_its_pace(
    client: openai.OpenAI, producer: InMemoryProducer, endpoint: ChatEndpoint
) -> None:
    stream = client.chat.completions.create(model="held", messages=ASKED, stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    for piece in ("You", " said:", " How"):
        endpoint.release()
        assert next(stream).choices[0].delta.content == piece  # before the next one was sent
    stream.close()
    assert recorded(producer)[-1].content == "You said: How"
    assert recorded(producer)[-1].status == "cut"


@pytest.mark.parametrize("how", ["closes it", "leaves its block"])
def test_a_stream_that_is_closed_early_is_kept_as_cut(
    how: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    stream = client.chat.completions.create(model="stalled", messages=ASKED, stream=True)
    next(stream)
    next(stream)
    if how == "closes it":
        stream.close()
    else:
        with stream:
            pass
    answer = recorded(producer)[-1]
    assert (answer.content, answer.status, answer.finish_reason) == ("You", "cut", None)


def test_a_stream_that_is_left_by_break_is_kept_as_cut(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    stream = client.chat.completions.create(model="stalled", messages=ASKED, stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content == "You":
            break
    eventually(lambda: lines(producer)[-1:] == ["assistant: You"], "the cut answer is recorded")
    assert recorded(producer)[-1].status == "cut"


def test_a_stream_that_goes_on_after_a_break_is_whole(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    stream = client.chat.completions.create(model="echo", messages=ASKED, stream=True)
    for _ in stream:
        break
    for _ in stream:
        pass
    assert [(each.content, each.status) for each in recorded(producer)[1:]] == [(ANSWER, "complete")]


def test_a_stream_that_nobody_reads_is_recorded(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    client.chat.completions.create(model="echo", messages=ASKED, stream=True)
    gc.collect()
    eventually(lambda: len(lines(producer)) == 2, "the call is recorded")
    assert recorded(producer)[-1].status == "cut"


def test_the_helpers_for_streams(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    with client.chat.completions.stream(model="echo", messages=ASKED) as chat:
        assert chat.get_final_completion().choices[0].message.content == ANSWER
    with client.responses.stream(model="echo", input="How are you?") as response:
        assert response.get_final_response().output_text == ANSWER
    with client.chat.completions.stream(model="stalled", messages=ASKED) as left:
        assert any(event.type == "content.delta" and event.delta for event in left)
    answers = [(each.content, each.status) for each in recorded(producer) if each.role == "assistant"]
    assert answers == [(ANSWER, "complete"), (ANSWER, "complete"), ("You", "cut")]
