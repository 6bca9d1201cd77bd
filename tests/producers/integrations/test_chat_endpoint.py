"""The endpoint that tests chat with: what other tests rely on."""

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from harness.waiting import eventually
from tests.support.chat_endpoint import chat_endpoint, chat_endpoint_process

SAID: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]


def test_a_held_answer_comes_when_it_is_released() -> None:
    with chat_endpoint() as endpoint, openai.OpenAI(base_url=endpoint.base_url, api_key="k") as client:
        stream = client.chat.completions.create(model="held", messages=SAID, stream=True)
        assert next(stream).choices[0].delta.content == ""
        endpoint.release(5)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "You said: How are you?"
        assert endpoint.left == 0


def test_a_client_that_leaves_is_counted() -> None:
    with chat_endpoint() as endpoint, openai.OpenAI(base_url=endpoint.base_url, api_key="k") as client:
        stream = client.chat.completions.create(model="held", messages=SAID, stream=True)
        next(stream)
        stream.close()
        eventually(lambda: endpoint.left == 1, "the endpoint sees that the client left")


def test_a_killed_endpoint_comes_back_on_its_port() -> None:
    with (
        chat_endpoint_process() as process,
        openai.OpenAI(base_url=process.base_url, api_key="k", max_retries=0) as client,
    ):
        stream = client.chat.completions.create(model="stalled", messages=SAID, stream=True)
        next(stream)
        process.kill()
        with pytest.raises(openai.APIConnectionError):
            list(stream)
        process.start()
        answer = client.chat.completions.create(model="counting", messages=SAID)
        assert answer.choices[0].message.content == "Answer 1 to: How are you?"
