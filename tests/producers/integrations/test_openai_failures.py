"""Calls of a wrapped client of OpenAI that fail: the program sees what it saw before."""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.testing import InMemoryProducer

from tests.support.recorded_chats import recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


FAILURES = {
    "bad-key": (openai.AuthenticationError, "Incorrect API key provided."),
    "forbidden": (openai.PermissionDeniedError, "You may not use this model."),
    "rate-limited": (openai.RateLimitError, "Rate limit reached."),
    "broken": (openai.InternalServerError, "The server had an error."),
    "unknown": (openai.NotFoundError, "The model `unknown` does not exist."),
    "silent": (openai.APITimeoutError, "Request timed out."),
    "bad-json": (json.JSONDecodeError, "Unterminated string"),
}


def patience_with(model: str) -> float:
    """The seconds to wait for the next piece. Only of these two models none comes."""
    return 1 if model in ("silent", "stalled") else 60


@pytest.mark.parametrize("model", FAILURES)
def test_a_failed_call_raises_as_before_and_is_recorded(
    model: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    kind, sentence = FAILURES[model]
    with pytest.raises(kind):
        client.with_options(timeout=patience_with(model)).chat.completions.create(model=model, messages=ASKED)
    answer = recorded(producer)[-1]
    assert (answer.role, answer.content, answer.status) == ("assistant", "", "error")
    assert sentence in answer.metadata["error"]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("cut", openai.APIConnectionError),
        ("error-in-stream", openai.APIError),
        ("bad-json", json.JSONDecodeError),
        ("stalled", openai.APITimeoutError),
    ],
)
@pytest.mark.parametrize("api", ["completions", "responses"])
def test_a_stream_that_breaks_off_is_kept_as_cut(
    model: str, kind: type[Exception], api: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    patient = client.with_options(timeout=patience_with(model))
    stream: Any
    if api == "completions":
        stream = patient.chat.completions.create(model=model, messages=ASKED, stream=True)
    else:
        stream = patient.responses.create(model=model, input="How are you?", stream=True)
    if (model, api) == ("error-in-stream", "responses"):
        assert list(stream)[-1].type == "error"  # this API's clients get it as an event
    else:
        with pytest.raises(kind):
            list(stream)
    answer = recorded(producer)[-1]
    assert (answer.content, answer.status) == ("You said:", "cut")
    assert answer.metadata["error"]


@pytest.mark.parametrize("api", ["completions", "responses"])
def test_a_stream_that_ends_without_a_reason_is_cut(
    api: str, client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    if api == "completions":
        list(client.chat.completions.create(model="stops-early", messages=ASKED, stream=True))
    else:
        list(client.responses.create(model="stops-early", input="How are you?", stream=True))
    assert (recorded(producer)[-1].content, recorded(producer)[-1].status) == ("You said:", "cut")


def test_an_answer_that_is_none_is_recorded_as_an_error(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    assert isinstance(client.chat.completions.create(model="no-json", messages=ASKED), str)
    assert list(client.chat.completions.create(model="no-json", messages=ASKED, stream=True)) == []
    assert [each.status for each in recorded(producer) if each.role == "assistant"] == ["error", "cut"]


def test_an_empty_answer_is_one(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    client.chat.completions.create(model="empty", messages=ASKED)
    list(client.chat.completions.create(model="empty", messages=ASKED, stream=True))
    answers = [each for each in recorded(producer) if each.role == "assistant"]
    assert [(each.content, each.status) for each in answers] == [("", "complete")] * 2


def test_errors_of_ours_never_reach_the_program(
    client: openai.OpenAI, producer: InMemoryProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken on purpose")

    for broken in (
        "open_calls.record_call",
        "openai.request_of",
        "openai_calls.failure_sentence",
    ):
        monkeypatch.setattr(f"plaudit_producers.integrations.{broken}", fail)
        assert (
            client.chat.completions.create(model="echo", messages=ASKED).choices[0].message.content == ANSWER
        )
        assert len(list(client.chat.completions.create(model="echo", messages=ASKED, stream=True))) == 7
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="rate-limited", messages=ASKED)
    assert producer.events == []
