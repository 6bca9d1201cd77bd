"""Whoever sees an answer end for a reason records the same status."""

from collections.abc import Callable
from enum import Enum

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from plaudit_producers.finish_reasons import status_of_reason
from plaudit_producers.integrations.langchain_messages import answered_of
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.genai_content import answers_of
from plaudit_producers.model_calls.litellm_payloads import call_of_payload
from plaudit_producers.model_calls.openai_bodies import completion_answers
from plaudit_producers.model_calls.openai_chunks import CompletionChunks

Door = Callable[[str], tuple[CallAnswer, ...]]


def of_completion(reason: str) -> tuple[CallAnswer, ...]:
    return completion_answers({"choices": [{"message": {"content": "It is"}, "finish_reason": reason}]})


def of_chunks(reason: str) -> tuple[CallAnswer, ...]:
    chunks = CompletionChunks()
    chunks.take({"choices": [{"index": 0, "delta": {"content": "It is"}, "finish_reason": reason}]})
    return chunks.answers()


def of_telemetry(reason: str) -> tuple[CallAnswer, ...]:
    return answers_of({"gen_ai.completion": "It is", "gen_ai.response.finish_reasons": [reason]})


def of_litellm(reason: str) -> tuple[CallAnswer, ...]:
    choice = {"message": {"content": "It is"}, "finish_reason": reason}
    call = call_of_payload({"id": "1", "call_type": "completion", "response": {"choices": [choice]}})
    assert call is not None
    return call.answers


def of_langchain(reason: str) -> tuple[CallAnswer, ...]:
    message = AIMessage("It is", response_metadata={"finish_reason": reason})
    return answered_of(LLMResult(generations=[[ChatGeneration(message=message)]])).answers


@pytest.mark.parametrize("door", [of_completion, of_chunks, of_telemetry, of_litellm, of_langchain])
@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("stop", "complete"),
        ("tool_calls", "complete"),
        ("end_turn", "complete"),
        ("a word of tomorrow", "complete"),
        ("length", "cut"),
        ("max_tokens", "cut"),
        ("MAX_TOKENS", "cut"),
        ("FinishReason.SAFETY", "cut"),
        ("content_filter", "cut"),
        ("content-filter", "cut"),
        ("guardrail_intervened", "cut"),
        ("error", "cut"),
    ],
)
def test_all_doors_agree(door: Door, reason: str, status: str) -> None:
    (answer,) = door(reason)
    assert (answer.message.content, answer.status) == ("It is", status)
    assert answer.finish_reason == (None if reason == "error" else reason)


def test_a_reason_may_be_a_member_of_an_enumeration() -> None:
    class Reason(Enum):
        LIMIT = "MAX_TOKENS"

    assert status_of_reason(Reason.LIMIT) == "cut"


def test_a_failure_leaves_whole_what_had_ended_before() -> None:
    said, nothing = CallMessage("assistant", "It is"), CallMessage("assistant")
    assert ended_answer(said, "stop", "It broke.") == CallAnswer(said, finish_reason="stop")
    assert ended_answer(said, None, "It broke.") == CallAnswer(said, "cut", error="It broke.")
    assert ended_answer(nothing, "error") == CallAnswer(nothing, "error")
