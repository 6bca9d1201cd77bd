"""A chat that is read back from the workers' state is the chat that was on the page."""

import asyncio

import pytest
from plaudit_producers.chat.endpoints import AnswerDelta
from plaudit_producers.chat.errors import EndpointError
from plaudit_producers.chat.restoring import restored_transcript
from plaudit_producers.chat.transcript import Transcript
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.times import micros
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.queries.display import document_of

from tests.producers.chat.scripted import LARGE, SMALL, ScriptedChat, says, scripted_chat
from tests.support.recount import recount


def documents(producer: InMemoryProducer) -> list[dict[str, object]]:
    """The states that a worker makes of what was recorded, one for each conversation."""
    log = [
        KafkaRecord(0, offset, micros(event.occurred_at) // 1000, key, value)
        for offset, ((key, value), event) in enumerate(zip(producer.messages, producer.events, strict=True))
    ]
    found = recount(log, Rules())
    assert found.refused == {}
    return [document_of(state) for state in found.states[0].values()]


async def talk(chat: ScriptedChat) -> None:
    session = chat.session
    session.set_consent("granted")
    first = await chat.ask("Hello", SMALL)
    session.judge(first, "thumb", True)
    session.judge(first, "number", 4.0)
    session.judge(first, "label", ("wrong",))
    session.judge(first, "text", "Hm.")
    session.judge(first, "thumb", None)
    session.judge(None, "number", 2.0)
    session.correct(first, "Corrected", send_correction=True)
    session.regenerate(first, [LARGE])
    second = await chat.answered()
    session.judge(second, "thumb", False)
    session.transcript.show(first)
    third = await chat.ask("More")
    session.signal(third, "copied")
    session.signal(third, "dwell_seconds", 3.5)
    await chat.ask("Compare", SMALL, LARGE)
    session.vote("right")
    await chat.ask("Fail")


def shown(transcript: Transcript) -> list[tuple[object, ...]]:
    return [
        (one.id, one.parent_id, one.role, one.content, one.status, one.model_key, one.error, one.side)
        for one in transcript.messages.values()
    ]


def test_a_restored_chat_is_the_chat_that_was_recorded() -> None:
    failure = EndpointError("timeout", "large took too long.")
    chat = scripted_chat(says("A"), says("B"), says("C"), says("D"), says("E"), [AnswerDelta("F"), failure])
    asyncio.run(talk(chat))
    (document,) = documents(chat.producer)
    restored = restored_transcript(document)
    assert restored is not None
    live = chat.session.transcript
    assert restored.conversation_id == live.conversation_id
    # The answers of two models are recorded in the order in which they ended.
    assert sorted(shown(restored)) == sorted(shown(live))
    assert restored.judgements == live.judgements
    assert (restored.opening.user_id, restored.opening.consent) == ("u", "granted")
    assert restored.started
    corrected = next(one for one in live.messages.values() if one.send_correction)
    assert restored.messages[corrected.id].send_correction
    assert restored.path()[-1].status == "cut"
    assert [one.id for one in restored.path()] == [one.id for one in live.path()]


def test_a_restored_chat_goes_on() -> None:
    chat = scripted_chat(says("A"))
    asyncio.run(talk_once(chat))
    (document,) = documents(chat.producer)
    restored = restored_transcript(document)
    assert restored is not None
    later = scripted_chat(says("B"), producer=chat.producer)
    later.session.transcript = restored
    asyncio.run(talk_once(later))
    (whole,) = documents(chat.producer)
    messages = whole["messages"]
    assert isinstance(messages, list)
    assert [one["content"] for one in messages] == ["Hello", "A", "Hello", "B"]
    assert messages[2]["parent_id"] == messages[1]["message_id"]
    assert whole["events"] == len(chat.producer.events)


@pytest.mark.parametrize("winner", ["left", "right"])
def test_the_winner_of_a_comparison_is_shown(winner: str) -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", SMALL, LARGE)
        chat.session.vote(winner)  # type: ignore[arg-type]  # parametrised

    chat = scripted_chat(says("left"), says("right"))
    asyncio.run(act(chat))
    (document,) = documents(chat.producer)
    restored = restored_transcript(document)
    assert restored is not None
    assert restored.path()[-1].content == winner


def test_an_ended_or_erased_chat_is_not_restored() -> None:
    async def ended(chat: ScriptedChat) -> None:
        await chat.ask("Hello")
        await chat.session.clear()

    chat = scripted_chat()
    asyncio.run(ended(chat))
    (document,) = documents(chat.producer)
    assert restored_transcript(document) is None
    assert restored_transcript({**document, "open": True, "erased": True}) is None
    assert restored_transcript({**document, "open": True, "messages": []}) is None
    assert restored_transcript({**document, "open": True}) is not None


@pytest.mark.parametrize(
    ("given", "parent", "status"),
    [
        pytest.param({"parent_id": "lost"}, "1", "complete", id="a parent that is not here"),
        pytest.param({"parent_id": "1", "status": "partial"}, "1", "cut", id="an answer in the making"),
    ],
)
def test_what_a_killed_page_left_is_shown(given: dict[str, str], parent: str, status: str) -> None:
    first = {"message_id": "1", "role": "user", "content": "Hello", "parent_id": "", "status": "complete"}
    second = {"message_id": "2", "role": "assistant", "content": "Hi", "status": "complete", **given}
    restored = restored_transcript({"conversation_id": "c", "open": True, "messages": [first, second]})
    assert restored is not None
    assert [one.id for one in restored.path()] == ["1", "2"]
    assert (restored.messages["2"].parent_id, restored.messages["2"].status) == (parent, status)


def test_what_others_said_is_not_shown_as_the_visitors() -> None:
    message = {"message_id": "1", "role": "user", "content": "Hello", "parent_id": ""}
    said = {
        "message_id": "1",
        "feedback": {
            "aspect": "quality", "kind": "number", "rater": {"kind": "model", "id": "s"},
            "value": ["plaudit.v1.Number", {"number": 1.0}],
        },
    }  # fmt: skip
    document = {"conversation_id": "c", "open": True, "messages": [message], "feedback": [said]}
    restored = restored_transcript(document)
    assert restored is not None
    assert restored.judgements == {}


async def talk_once(chat: ScriptedChat) -> None:
    await chat.ask("Hello")
