"""A wrapped client of OpenAI: what is recorded of its calls, and that the client is as it was."""

import json
from typing import Any

import openai
import plaudit_producers as plaudit
import pytest
from openai.types.chat import ChatCompletionMessageParam
from plaudit_producers.integrations.openai import unwrap, wrap
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import StartConversation
from pydantic import BaseModel

from tests.support.recorded_chats import conversations, ended, lines, recorded

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How are you?"}]
ANSWER = "You said: How are you?"


class Weather(BaseModel):
    city: str


def test_a_completion_is_recorded_in_the_current_conversation(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    with plaudit.conversation("c-1", user_id="u-1") as current:
        completion = client.chat.completions.create(
            model="echo", messages=ASKED, temperature=0.5, metadata={"shop": "books"}
        )
    asked, answer = recorded(producer, "c-1")
    assert lines(producer) == ["user: How are you?", f"assistant: {ANSWER}"]
    assert answer.parent_id == asked.message_id
    assert answer.message_id == current.last_message_id
    assert answer.model is not None
    assert (answer.model.id, answer.finish_reason, answer.status) == ("echo", "stop", "complete")
    assert answer.usage is not None
    assert completion.usage is not None
    assert answer.usage.output == completion.usage.completion_tokens
    assert answer.metadata == {"response_id": completion.id, "shop": "books"}
    assert json.loads(answer.parameters or "") == {"temperature": 0.5}
    assert ended(producer) == []


def test_a_call_without_a_conversation_is_one_of_its_own(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    client.chat.completions.create(model="echo", messages=ASKED)
    client.chat.completions.create(model="echo", messages=ASKED)
    assert len(conversations(producer)) == 2
    assert ended(producer) == conversations(producer)


def test_a_history_is_recorded_once(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    said = list(ASKED)
    with plaudit.conversation("c-1"):
        answer = client.chat.completions.create(model="echo", messages=said).choices[0].message
        # As many do it, with the object that came.
        said += [answer, {"role": "user", "content": "And now?"}]  # type: ignore[list-item]
        client.chat.completions.create(model="echo", messages=said)
    assert lines(producer) == [
        "user: How are you?",
        f"assistant: {ANSWER}",
        "user: And now?",
        "assistant: You said: And now?",
    ]


def test_several_answers_are_siblings(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    client.chat.completions.create(model="counting", messages=ASKED, n=2)
    for _ in client.chat.completions.create(model="counting", messages=ASKED, n=2, stream=True):
        pass
    for first, second in (recorded(producer)[1:3], recorded(producer)[4:6]):
        assert first.parent_id == second.parent_id
        assert first.content != second.content


def test_calls_of_tools_and_their_answers(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    said: list[Any] = list(ASKED)
    tools: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    with plaudit.conversation("c-1"):
        message = client.chat.completions.create(model="tools", messages=said, tools=tools).choices[0].message
        assert message.tool_calls is not None
        said += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sun"}]
        for _ in client.chat.completions.create(model="tools", messages=said, tools=tools, stream=True):
            pass
    _, called, told, answer = recorded(producer)
    assert [(call.name, call.arguments) for call in called.tool_calls] == [("weather", '{"city": "Oslo"}')]
    assert (called.finish_reason, called.status) == ("tool_calls", "complete")
    assert (told.role, told.content, told.tool_call_id) == ("tool", "sun", "call_1")
    assert answer.content == "The tool said: sun"
    assert "weather" in (answer.tools or "")


def test_a_streamed_call_of_a_tool_is_as_a_plain_one(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    with plaudit.conversation("plain"):
        client.chat.completions.create(model="tools", messages=ASKED)
    with plaudit.conversation("streamed"):
        list(client.chat.completions.create(model="tools", messages=ASKED, stream=True))
    assert recorded(producer, "plain")[-1].tool_calls == recorded(producer, "streamed")[-1].tool_calls


def test_a_refusal_is_the_answer(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    client.chat.completions.create(model="refusing", messages=ASKED)
    list(client.chat.completions.create(model="refusing", messages=ASKED, stream=True))
    assert {each.content for each in recorded(producer) if each.role == "assistant"} == {
        "I cannot help with that."
    }


def test_an_answer_that_reached_its_limit_is_cut(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    client.chat.completions.create(model="echo", messages=ASKED, max_tokens=2)
    client.responses.create(model="echo", input="How are you?", max_output_tokens=2)
    answers = [each for each in recorded(producer) if each.role == "assistant"]
    assert [(each.content, each.status) for each in answers] == [("You said:", "cut")] * 2
    assert [each.finish_reason for each in answers] == ["length", "max_output_tokens"]


def test_images_are_attachments_without_their_data(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 400, "format": "wav"}}
    said: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image, sound]}]
    client.chat.completions.create(model="echo", messages=said)
    asked = recorded(producer)[0]
    assert asked.content == "What is it?"
    assert [each.media_type for each in asked.attachments] == ["image/png", None]
    assert all(each.uri.startswith("ni:///sha-256;") for each in asked.attachments)


def test_parsed_answers_stay_parsed(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    completion = client.chat.completions.parse(model="echo", messages=ASKED, response_format=Weather)
    assert completion.choices[0].message.parsed == Weather(city="text")
    response = client.responses.parse(model="echo", input="How are you?", text_format=Weather)
    assert response.output_parsed == Weather(city="text")
    answers = [each.content for each in recorded(producer) if each.role == "assistant"]
    assert answers == ['{"city": "text"}'] * 2


def test_other_requests_pass_unseen(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    assert client.embeddings.create(model="echo", input="x").data[0].embedding
    assert "echo" in {model.id for model in client.models.list()}
    assert producer.events == []


def test_own_requests_are_recorded(client: openai.OpenAI, producer: InMemoryProducer) -> None:
    body = {"model": "echo", "messages": ASKED}
    client.post("/chat/completions", body=body, cast_to=object)
    client.chat.completions.create(model="other", messages=ASKED, extra_body={"model": "echo"})
    assert [each.model.id for each in recorded(producer) if each.model] == ["echo", "echo"]


def test_the_user_that_the_provider_is_told_counts_if_there_is_no_other(
    client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    client.chat.completions.create(model="echo", messages=ASKED, user="told")
    with plaudit.conversation("c-1", user_id="ours"):
        client.chat.completions.create(model="echo", messages=ASKED, user="told")
    starts = [event.body for event in producer.events if isinstance(event.body, StartConversation)]
    assert [start.user_id for start in starts] == ["told", "ours"]


def test_a_client_that_was_unwrapped_is_as_it_was(
    plain_client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    before = dict(vars(plain_client))
    assert unwrap(plain_client) is plain_client  # it was not wrapped
    assert wrap(plain_client, producer=producer) is plain_client
    copied = plain_client.with_options(timeout=1)
    unwrap(plain_client)
    assert vars(plain_client).keys() - before.keys() <= {"chat"}
    plain_client.chat.completions.create(model="echo", messages=ASKED)
    assert producer.events == []
    copied.chat.completions.create(model="echo", messages=ASKED)
    assert len(recorded(producer)) == 2


def test_a_wrapper_of_another_library_around_ours_stays(
    plain_client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    wrap(plain_client, producer=producer)
    ours, seen = plain_client.request, []

    def theirs(*arguments: Any, **named: Any) -> Any:
        seen.append(arguments)
        return ours(*arguments, **named)

    plain_client.request = theirs  # type: ignore[method-assign]  # as such libraries do
    unwrap(plain_client)
    plain_client.chat.completions.create(model="echo", messages=ASKED)
    assert len(seen) == 1
    assert producer.events == []


def test_a_client_that_is_wrapped_twice_is_recorded_once(
    plain_client: openai.OpenAI, producer: InMemoryProducer
) -> None:
    with InMemoryProducer() as first:
        wrap(wrap(plain_client, producer=first), producer=producer)
        plain_client.chat.completions.create(model="echo", messages=ASKED)
        assert first.events == []
    assert len(recorded(producer)) == 2


@pytest.mark.parametrize("given", [openai, openai.OpenAI, None], ids=["module", "class", "nothing"])
def test_what_is_no_client_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"wrap takes a client, such as OpenAI\(\)"):
        wrap(given)
