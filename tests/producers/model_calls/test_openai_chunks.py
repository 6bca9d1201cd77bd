"""Gathering the chunks of streams, as objects of the client and as JSON."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk
from plaudit_producers.model_calls.openai_chunks import CompletionChunks, ResponseEvents


def chunk(delta: Any, reason: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return {
        "id": "c-1",
        "created": 0,
        "object": "chat.completion.chunk",
        "model": "m-1",
        "choices": [choice],
        **more,
    }


@pytest.mark.parametrize("form", ["objects", "JSON"])
def test_chunks_of_a_completion(form: str) -> None:
    gathered = CompletionChunks()
    for each in (
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Th", "reasoning": "Th"}),
        chunk({"reasoning": "ink."}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}, index=1),
        chunk({"content": "lo"}, "stop"),
        chunk(None, "length", index=1),
        {
            **chunk({}),
            "choices": [],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        },
    ):
        gathered.take(ChatCompletionChunk.construct(**each) if form == "objects" else each)
    first, second = gathered.answers()
    assert (first.message.content, first.message.reasoning, first.status) == ("Hello", "Think.", "complete")
    assert (second.message.content, second.status) == ("lo", "cut")
    assert (gathered.response_id, gathered.model) == ("c-1", "m-1")
    usage = gathered.usage()
    assert usage is not None
    assert (usage.input, usage.output) == (3, 2)


def test_a_stream_begins_to_say_something_with_its_first_text() -> None:
    gathered = CompletionChunks()
    gathered.take(chunk({"role": "assistant", "content": ""}))
    assert not gathered.said
    gathered.take(chunk({"content": "H"}))
    assert gathered.said


def test_of_several_answers_those_that_ended_before_a_failure_are_whole() -> None:
    gathered = CompletionChunks()
    gathered.take(chunk({"content": "one"}, "stop"))
    gathered.take(chunk({"content": "tw"}, index=1))
    assert [(answer.status, answer.error) for answer in gathered.answers("It broke.")] == [
        ("complete", None),
        ("cut", "It broke."),
    ]


def test_a_stream_without_a_chunk_is_one_empty_answer() -> None:
    assert [answer.status for answer in CompletionChunks().answers()] == ["cut"]
    assert [answer.status for answer in CompletionChunks().answers("It broke.")] == ["error"]
    assert [answer.status for answer in ResponseEvents().answers()] == ["cut"]
    assert CompletionChunks().usage() is None
    assert ResponseEvents().usage() is None


def test_a_response_that_breaks_off_has_what_came() -> None:
    gathered = ResponseEvents()
    call = {
        "type": "function_call",
        "call_id": "c",
        "name": "look_up",
        "arguments": "",
        "status": "in_progress",
    }
    for event in (
        {"type": "response.created", "response": {"id": "r-1", "model": "m-1"}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "summary": []},
        },
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Think."},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "lo"},
        {"type": "response.output_item.added", "output_index": 2, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a"'},
    ):
        gathered.take(event)
    (answer,) = gathered.answers("It broke.")
    assert (answer.message.content, answer.message.reasoning) == ("Hello", "Think.")
    assert [(each.name, each.arguments) for each in answer.message.tool_calls] == [("look_up", '{"a"')]
    assert (answer.status, answer.error) == ("cut", "It broke.")
    assert (gathered.response_id, gathered.model) == ("r-1", "m-1")
