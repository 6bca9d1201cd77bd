"""A wrapped asynchronous client of OpenAI."""

import asyncio

import httpx2
import openai
import plaudit_producers as plaudit
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.testing import InMemoryProducer

from harness.waiting import come_true
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.recorded_chats import lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


def async_client(endpoint: ChatEndpoint, producer: InMemoryProducer) -> openai.AsyncOpenAI:
    made = openai.AsyncOpenAI(base_url=endpoint.base_url, api_key="k", max_retries=0, timeout=60)
    return wrap(made, producer=producer)


def test_asynchronous_calls(endpoint: ChatEndpoint, producer: InMemoryProducer) -> None:
    async def chat(client: openai.AsyncOpenAI, number: int) -> str | None:
        said: list[ChatCompletionMessageParam] = [{"role": "user", "content": f"I am {number}."}]
        async with plaudit.conversation(f"c-{number}") as current:
            await client.chat.completions.create(model="echo", messages=said)
            stream = await client.chat.completions.create(model="counting", messages=said, stream=True)
            assert isinstance(stream, openai.AsyncStream)
            async for _ in stream:
                pass
            await client.responses.create(model="echo", input=f"I am {number}.")
            return current.last_message_id

    async def run() -> list[str | None]:
        async with async_client(endpoint, producer) as client:
            return await asyncio.gather(*(chat(client, number) for number in range(10)))

    last = asyncio.run(run())
    for number in range(10):
        told = recorded(producer, f"c-{number}")
        assert [each.role for each in told] == ["user", "assistant", "assistant"]
        assert told[1].content == f"You said: I am {number}."
        assert told[2].content.endswith(f"to: I am {number}.")
        assert last[number] == told[1].message_id  # the last call said what the first did


@pytest.mark.parametrize("how", ["cancelled", "closed", "left"])
def test_an_asynchronous_stream_that_is_stopped_is_kept_as_cut(
    how: str, endpoint: ChatEndpoint, producer: InMemoryProducer
) -> None:
    async def read(client: openai.AsyncOpenAI, came: asyncio.Event) -> None:
        stream = await client.chat.completions.create(model="stalled", messages=ASKED, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content == "You":
                came.set()
                if how != "cancelled":
                    break
        if how == "closed":
            await stream.close()

    async def run() -> None:
        async with async_client(endpoint, producer) as client:
            came = asyncio.Event()
            task = asyncio.create_task(read(client, came))
            await came.wait()
            if how == "cancelled":
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await come_true(lambda: len(lines(producer)) == 2, "the cut answer is recorded")

    asyncio.run(run())
    answer = recorded(producer)[-1]
    assert (answer.content[:3], answer.status) == ("You", "cut")


def test_an_asynchronous_call_that_fails_raises_as_before(
    endpoint: ChatEndpoint, producer: InMemoryProducer
) -> None:
    async def run() -> None:
        async with async_client(endpoint, producer) as client:
            with pytest.raises(openai.RateLimitError):
                await client.chat.completions.create(model="rate-limited", messages=ASKED)
            raw = await client.chat.completions.with_raw_response.create(
                model="echo", messages=ASKED, stream=True
            )
            async for _ in raw.parse():
                pass
            streaming = client.chat.completions.with_streaming_response
            async with streaming.create(model="echo", messages=ASKED) as read:
                assert (await read.parse()).choices[0].message.content == ANSWER
            async with streaming.create(model="cut", messages=ASKED) as broken:
                with pytest.raises(httpx2.RemoteProtocolError):
                    await broken.parse()
            async with streaming.create(model="echo", messages=ASKED, stream=True) as streamed:
                async for _ in await streamed.parse():
                    pass

    asyncio.run(run())
    answers = [each.status for each in recorded(producer) if each.role == "assistant"]
    assert answers == ["error", "complete", "complete", "error", "complete"]
