"""Ask a model's endpoint for an answer, through `huggingface_hub.AsyncInferenceClient`."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import TextGenerationError
from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.chat.endpoint_errors import endpoint_error
from plaudit_producers.chat.errors import EndpointError
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.texts import whole_text

log = logging.getLogger(__name__)

_NO_KEY: Final = "none"
"""Sent to endpoints without a key. Without one the client would send the key of the Hugging Face Hub that it
finds on this machine, to whatever endpoint."""


class _EndpointClient(AsyncInferenceClient):
    """Asks endpoints also where HF_HUB_OFFLINE is set: they are no part of the Hub."""

    async def _get_async_client(self) -> httpx.AsyncClient:
        client: httpx.AsyncClient = await super()._get_async_client()  # type: ignore[no-untyped-call]  # not typed
        client.event_hooks = {**client.event_hooks, "request": []}  # this hook refuses every host
        return client


class AnswerDelta(NamedTuple):
    """What an answer grows by.

    Attributes:
        finish_reason, usage: in the last deltas of an answer, if the endpoint says them.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: TokenUsage | None = None


@dataclass(frozen=True, slots=True)
class EndpointTimeouts:
    """Seconds to wait for the first part of an answer, for each that follows, and for its end.

    Only `whole_s` counts for a model that does not stream.
    """

    first_s: float = 60.0
    next_s: float = 30.0
    whole_s: float = 600.0


async def stream_answer(
    model: ChatModel, turns: Sequence[dict[str, str]], timeouts: EndpointTimeouts
) -> AsyncGenerator[AnswerDelta]:
    """Ask a model's endpoint for an answer, and yield what it grows by.

    Args:
        turns: the prompt, as `prompt_of` makes it.

    Raises:
        EndpointError: there is no answer, or it is not whole.
    """
    said = finished = received = False
    try:
        async with aclosing(_deltas(model, turns, timeouts)) as deltas:
            async for delta in deltas:
                received = True
                said = said or bool(delta.text)
                finished = finished or delta.finish_reason is not None
                yield delta
    except Exception as error:
        if said and finished:  # nothing of the answer comes after its finish reason
            log.info("%s at %s: after the answer: %s", model.key, model.endpoint, _one_line(error))
            return
        found = endpoint_error(error)
        log.warning("%s at %s: %s: %s", model.key, model.endpoint, found.kind, _one_line(error))
        raise found from error
    if not received:
        raise EndpointError(
            "not_json",
            "The endpoint did not answer as a chat model does. Tell whoever runs this page.",
        )
    if not said:
        raise EndpointError("empty_answer", "The model gave an empty answer. Ask again, or in other words.")
    if not finished:
        raise EndpointError("cut_stream", "The answer broke off before its end.")


async def _deltas(
    model: ChatModel, turns: Sequence[dict[str, str]], timeouts: EndpointTimeouts
) -> AsyncGenerator[AnswerDelta]:
    """What the endpoint sends. Raises whatever the client raises, and TimeoutError."""
    key = os.environ.get(model.api_key_env, "").strip() if model.api_key_env else ""
    longest_s = max(timeouts.first_s, timeouts.next_s) if model.stream else timeouts.whole_s
    async with _EndpointClient(base_url=model.endpoint, api_key=key or _NO_KEY, timeout=longest_s) as client:
        async with asyncio.timeout(timeouts.first_s if model.stream else timeouts.whole_s):
            chunks = await client.chat_completion(
                list(turns), model=model.endpoint_model, stream=model.stream, **_options(model)
            )
        if not isinstance(chunks, AsyncIterator):
            yield _delta(chunks, "message")
            return
        limit_s, began = timeouts.first_s, time.monotonic()
        while True:
            try:
                async with asyncio.timeout(min(limit_s, began + timeouts.whole_s - time.monotonic())):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            limit_s = timeouts.next_s
            yield _delta(chunk, "delta")


def _options(model: ChatModel) -> dict[str, Any]:
    options = model.parameters.given()
    if model.stream and model.ask_usage:
        options["stream_options"] = {"include_usage": True}
    return options


def _delta(chunk: Any, field: str) -> AnswerDelta:
    """A chunk as a delta. The client sets missing fields to None, and checks no types.

    Raises:
        TextGenerationError: it is an error instead, which the client sees in streams only.
    """
    usage = _usage(chunk.usage)
    if not chunk.choices and chunk.get("error"):
        raise TextGenerationError(chunk["error"])
    # Of several answers, which `extra_body` may ask for, the first one counts.
    choice = next((one for one in chunk.choices or () if not one.index), None)
    if choice is None:
        return AnswerDelta(usage=usage)
    finish = whole_text(str(choice.finish_reason)) if choice.finish_reason else None
    part = getattr(choice, field)
    if part is None:
        return AnswerDelta(finish_reason=finish, usage=usage)
    reasoning = part.reasoning or part.get("reasoning_content")
    text = _text(part.content) or _text(part.get("refusal"))
    return AnswerDelta(text, _text(reasoning), finish, usage)


def _text(content: Any) -> str:
    """The text of a content, which some endpoints send as a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(usage: Any) -> TokenUsage | None:
    if usage is None:
        return None
    with suppress(ValueError):
        return TokenUsage(input=usage.prompt_tokens, output=usage.completion_tokens)
    return None  # an answer is not refused for its count of tokens


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
