"""Calls of LiteLLM in a process of their own: it takes seconds to load, and warns of much.

Prints one object of JSON: what became of each call, with the events that were recorded. Its argument is the
URL of a gateway, and its variable PLAUDIT_TEST_KEY a key for it.
"""

import asyncio
import json
import os
import sys
from typing import Any

import litellm
import plaudit_producers as plaudit
from litellm.exceptions import InternalServerError
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger
from plaudit_producers.integrations.guard import swallowed_errors
from plaudit_producers.integrations.litellm import LiteLLMLogger, proxy_logger
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.json_form import document_of

from harness.waiting import come_true, eventually
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint

HI = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
found: dict[str, Any] = {}
logger = LiteLLMLogger()


class BrokenProducer(InMemoryProducer):
    def emit(self, *_arguments: Any, **_keywords: Any) -> None:
        raise RuntimeError("broken on purpose")


def events_of(producer: InMemoryProducer) -> list[Any]:
    return [document_of(event.to_record()) for event in producer.events]


def recording() -> InMemoryProducer:
    # LiteLLM keeps the first logger of a class, so the tests share one.
    logger._producer = producer = InMemoryProducer("shop")
    litellm.callbacks = [logger]
    return producer


async def whole() -> None:
    producer = recording()
    with plaudit.conversation("c-1", user_id="u-1") as current:
        answer = await litellm.acompletion(model="gpt-4o", messages=HI, mock_response="Hello")
    await come_true(lambda: len(producer.events) == 4, "the call is recorded")
    found["whole"] = {
        "answer": answer.choices[0].message.content,
        "events": events_of(producer),
        "last_message_id": current.last_message_id,
    }


async def streamed() -> None:
    producer = recording()
    stream = await litellm.acompletion(
        model="gpt-4o", messages=HI, mock_response="Hello you there", stream=True, litellm_session_id="s-1"
    )
    parts = [part.choices[0].delta.content async for part in stream]
    await come_true(lambda: len(producer.events) == 4, "the call is recorded")
    found["streamed"] = {"answer": "".join(part or "" for part in parts), "events": events_of(producer)}


async def failed() -> None:
    producer = recording()
    error = None
    with plaudit.conversation("c-2"):
        try:
            await litellm.acompletion(model="gpt-4o", messages=HI, mock_response=Exception("boom"))
        except InternalServerError as raised:
            error = type(raised).__name__
    await come_true(lambda: len(producer.events) == 4, "the call is recorded")
    found["failed"] = {"error": error, "events": events_of(producer)}


async def broken() -> None:
    logger._producer = BrokenProducer("shop")
    answer = await litellm.acompletion(model="gpt-4o", messages=HI, mock_response="Hello")
    await come_true(lambda: bool(swallowed_errors()), "the error is counted")
    found["broken"] = {"answer": answer.choices[0].message.content, "swallowed": swallowed_errors()}


async def batched(gateway_url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['PLAUDIT_TEST_KEY']}"}
    generic = GenericAPILogger(endpoint=f"{gateway_url}/v1/litellm", headers=headers)
    litellm.callbacks = [generic]
    with_session = {"model": "gpt-4o", "mock_response": "Hello", "litellm_session_id": "batch"}
    answers = [await litellm.acompletion(messages=HI, **with_session) for _ in range(2)]
    await come_true(lambda: len(generic.log_queue) == 2, "the calls are logged")
    await generic.flush_queue()
    found["batched"] = {"ids": [answer.id for answer in answers], "left": len(generic.log_queue)}


def blocking(name: str, endpoint: ChatEndpoint, **fields: Any) -> None:
    producer = recording()
    endpoint.answers.append("Hello")
    with plaudit.conversation(name):
        answer = litellm.completion(
            model="openai/echo", messages=HI, api_base=endpoint.base_url, api_key="k", **fields
        )
        if fields.get("stream"):
            text = "".join(part.choices[0].delta.content or "" for part in answer)
        else:
            text = answer.choices[0].message.content
    eventually(lambda: len(producer.events) == 4, "the call is recorded")
    found[name] = {"answer": text, "events": events_of(producer)}


async def read_elsewhere(endpoint: ChatEndpoint) -> None:
    producer = recording()
    endpoint.answers.append("Hello")
    with plaudit.conversation("read elsewhere"):
        stream = await litellm.acompletion(
            model="openai/echo", messages=HI, api_base=endpoint.base_url, api_key="k", stream=True
        )
    with plaudit.conversation("another"):
        text = "".join([part.choices[0].delta.content or "" async for part in stream])
    await come_true(lambda: len(producer.events) == 4, "the call is recorded")
    found["read elsewhere"] = {"answer": text, "events": events_of(producer)}


async def main(gateway_url: str) -> None:
    await whole()
    await streamed()
    await failed()
    await broken()
    await batched(gateway_url)


if __name__ == "__main__":
    litellm.suppress_debug_info = True
    asyncio.run(main(sys.argv[1]))
    with chat_endpoint() as endpoint:
        blocking("blocking", endpoint)
        blocking("blocking stream", endpoint, stream=True)
        asyncio.run(read_elsewhere(endpoint))
    found["proxy"] = isinstance(proxy_logger, LiteLLMLogger)
    json.dump(found, sys.stdout)
