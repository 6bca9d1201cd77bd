"""Raw responses of a wrapped client of OpenAI."""

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.testing import InMemoryProducer

from tests.support.recorded_chats import lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


def test_raw_responses(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    completions = client.chat.completions
    raw = completions.with_raw_response.create(model="echo", messages=ASKED)
    assert raw.parse().choices[0].message.content == ANSWER
    assert raw.headers["x-request-id"] == "req-1"
    for _ in completions.with_raw_response.create(model="echo", messages=ASKED, stream=True).parse():
        pass
    with completions.with_streaming_response.create(model="echo", messages=ASKED) as read:
        assert read.parse().choices[0].message.content == ANSWER
    with completions.with_streaming_response.create(model="echo", messages=ASKED, stream=True) as streamed:
        assert list(streamed.parse())
    answers = [(each.content, each.status) for each in recorded(producer) if each.role == "assistant"]
    assert answers == [(ANSWER, "complete")] * 4


def test_a_raw_response_that_breaks_off_is_recorded(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    completions = client.chat.completions.with_streaming_response
    with (
        completions.create(model="cut", messages=ASKED) as response,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        response.parse()
    assert recorded(producer)[-1].status == "error"


def test_of_bytes_that_only_the_program_reads_the_question_is_recorded(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    completions = client.chat.completions.with_streaming_response
    with completions.create(model="echo", messages=ASKED, stream=True) as response:
        assert b"".join(response.iter_bytes()).endswith(b"data: [DONE]\n\n")
    assert lines(producer) == ["user: How are you?"]
