"""What a visitor does in a chat, and what is recorded of it."""

import asyncio

import pytest
from plaudit_producers.chat.endpoints import AnswerDelta
from plaudit_producers.chat.errors import ChatError, EndpointError
from plaudit_schemas.contract.events import (
    AddMessage,
    StartConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Correction, Signal

from tests.producers.chat.scripted import LARGE, SMALL, ScriptedChat, asking, run, says, scripted_chat


def test_a_chat_is_recorded_as_it_was_said() -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", SMALL)
        await chat.ask("And now?", LARGE)

    chat = run(scripted_chat(says("Hi ", "you"), says("Bye")), act)
    start, system, first, answer, second, last = chat.bodies
    assert isinstance(start, StartConversation)
    assert start.user_id == "u"
    assert start.model is not None
    assert (start.model.id, start.model.version) == ("small", "1")
    told = [system, first, answer, second, last]
    assert all(isinstance(body, AddMessage) for body in told)
    messages = chat.told(AddMessage)
    assert [(one.role, one.content) for one in messages] == [
        ("system", "Be brief."),
        ("user", "Hello"),
        ("assistant", "Hi you"),
        ("user", "And now?"),
        ("assistant", "Bye"),
    ]
    assert [one.parent_id for one in messages] == ["", *[one.message_id for one in messages[:-1]]]
    assert messages[2].model.id == "small"
    assert messages[4].model.metadata == {"team": "a"}
    assert messages[2].finish_reason == "stop"
    assert messages[2].latency_ms is not None
    assert messages[2].first_token_ms is not None
    assert chat.models.asked[1] == (
        LARGE,
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi you"},
            {"role": "user", "content": "And now?"},
        ],
    )
    assert {event.conversation_id for event in chat.producer.events} == {
        chat.session.transcript.conversation_id
    }


def test_an_answer_is_seen_while_it_grows() -> None:
    seen = []

    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("Hello", [LARGE])
        assert chat.session.busy
        async for _ in chat.session.growth():
            seen.append(chat.texts()[-1][1])
            assert chat.session.transcript.path()[-1].status in ("partial", "complete")
        assert not chat.session.busy

    chat = scripted_chat([AnswerDelta("one "), AnswerDelta("two"), AnswerDelta(finish_reason="stop")])
    run(chat, act)
    assert seen[-1] == "one two"
    assert chat.session.transcript.path()[-1].status == "complete"


def test_a_like_is_taken_back_and_given_again() -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        for vote in (True, True, None, None, False, True):  # clicks may come twice
            chat.session.judge(answer, "thumb", vote)
        assert chat.session.transcript.said(answer, "satisfaction", "thumb") is True

    chat = run(scripted_chat(), act)
    values = [body.feedback.value for body in chat.told(UpdateMessage)]
    assert [None if value is None else value.like for value in values] == [True, None, False, True]


@pytest.mark.parametrize(
    ("kind", "value", "recorded"),
    [
        pytest.param("number", 4.0, {"number": 4.0, "minimum": 1.0, "maximum": 5.0}, id="stars"),
        pytest.param("label", ("wrong", "rude", "wrong"), {"labels": ["wrong", "rude"]}, id="labels"),
        pytest.param("text", " Well said. ", {"text": "Well said."}, id="a comment"),
    ],
)
def test_what_is_said_of_an_answer_is_recorded(kind: str, value: object, recorded: dict[str, object]) -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        assert chat.session.judge(answer, kind, value)  # type: ignore[arg-type]  # parametrised
        assert not chat.session.judge(answer, kind, value)  # type: ignore[arg-type]  # parametrised

    (body,) = run(scripted_chat(), act).told(UpdateMessage)
    assert body.feedback.value.model_dump(exclude_none=True) == recorded


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        pytest.param("number", None, id="stars taken back"),
        pytest.param("label", (), id="no labels left"),
        pytest.param("text", "  ", id="an empty comment"),
    ],
)
def test_nothing_takes_back_what_was_said(kind: str, nothing: object) -> None:
    said = {"number": 2.0, "label": ("wrong",), "text": "No."}[kind]

    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        assert not chat.session.judge(answer, kind, nothing)  # type: ignore[arg-type]  # parametrised
        chat.session.judge(answer, kind, said)  # type: ignore[arg-type]  # parametrised
        assert chat.session.judge(answer, kind, nothing)  # type: ignore[arg-type]  # parametrised

    given, taken = run(scripted_chat(), act).told(UpdateMessage)
    assert given.feedback.value is not None
    assert taken.feedback.value is None
    assert taken.feedback.kind == kind


def test_the_whole_chat_is_judged() -> None:
    async def act(chat: ScriptedChat) -> None:
        with pytest.raises(ChatError, match="write something first"):
            chat.session.judge(None, "number", 5.0)
        await chat.ask("Hello")
        chat.session.judge(None, "number", 3.0, aspect="solved", scale=(0, 4))

    (body,) = run(scripted_chat(), act).told(UpdateMessage)
    assert body.message_id is None
    assert (body.feedback.aspect, body.feedback.value.maximum) == ("solved", 4)


@pytest.mark.parametrize("sent", [pytest.param(True, id="sent on"), pytest.param(False, id="only recorded")])
def test_a_correction_is_recorded_and_sent_on_if_the_person_says_so(sent: bool) -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("2 + 2?")
        chat.session.correct(answer, "4", send_correction=sent)
        await chat.ask("Sure?")

    chat = run(scripted_chat(says("5"), says("Yes")), act)
    (said,) = chat.told(UpdateMessage)
    assert said.feedback.value == Correction(content="4")
    assert said.feedback.aspect == "accuracy"
    assert chat.models.asked[1][1][1]["content"] == ("4" if sent else "5")
    answers = [one for one in chat.told(AddMessage) if one.role == "assistant"]
    assert answers[0].content == "5"
    noted = {"sent_corrections": answers[0].message_id} if sent else {}
    assert answers[1].metadata == noted


def test_a_correction_to_the_same_text_takes_it_back() -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("2 + 2?")
        assert not chat.session.correct(answer, "5 ", send_correction=True)
        assert chat.session.correct(answer, "  4", send_correction=True)
        assert chat.session.correct(answer, "5", send_correction=True)
        await chat.ask("Sure?")

    chat = run(scripted_chat(says("5")), act)
    given, taken = chat.told(UpdateMessage)
    assert given.feedback.value == Correction(content="  4")  # as the person wrote it
    assert taken.feedback.value is None
    assert chat.models.asked[1][1][1]["content"] == "5"


def test_a_regenerated_answer_is_a_sibling_with_a_vote_of_its_own() -> None:
    async def act(chat: ScriptedChat) -> None:
        first = await chat.ask("Hello", SMALL)
        chat.session.judge(first, "thumb", False)
        chat.session.regenerate(first, [LARGE])
        second = await chat.answered()
        chat.session.judge(second, "thumb", True)
        transcript = chat.session.transcript
        assert transcript.siblings(second) == [first, second]
        assert transcript.said(first, "satisfaction", "thumb") is False
        transcript.show(first)
        assert chat.texts()[-1] == ("assistant", "One")

    chat = run(scripted_chat(says("One"), says("Two")), act)
    *_, one, two = chat.told(AddMessage)
    assert one.parent_id == two.parent_id
    assert (one.model.id, two.model.id) == ("small", "large")
    said = chat.told(UpdateMessage)
    assert [body.message_id for body in said] == [one.message_id, one.message_id, two.message_id]
    assert said[1].feedback.value == Signal(name="regenerated")


def test_an_edited_question_stands_beside_the_first() -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("2 + 2")
        first = chat.session.transcript.path()[0].id
        chat.session.ask("2 + 3?", [LARGE], instead_of=first)
        await chat.answered()
        assert chat.texts() == [("user", "2 + 3?"), ("assistant", "5")]

    chat = run(scripted_chat(says("4"), says("5")), act)
    first, _, second, _ = chat.told(AddMessage)
    assert (first.parent_id, second.parent_id) == ("", "")
    assert chat.models.asked[1][1] == [{"role": "user", "content": "2 + 3?"}]


def test_a_stopped_answer_is_kept_as_cut() -> None:
    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("Hello", [LARGE])
        await chat.begun()
        await chat.session.stop()
        await chat.session.stop()  # again is harmless
        assert not chat.session.busy
        await chat.ask("Go on")

    chat = run(scripted_chat([AnswerDelta("The first"), asyncio.Event()]), act)
    _, cut, _, _ = chat.told(AddMessage)
    assert (cut.content, cut.status, cut.finish_reason) == ("The first", "cut", "stopped")
    assert chat.models.closed == 2  # the call ended with it
    assert chat.models.asked[1][1][1] == {"role": "assistant", "content": "The first"}


def test_an_answer_that_is_stopped_before_it_begins_is_cut() -> None:
    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("Hello", [LARGE])
        await chat.session.stop()

    chat = run(scripted_chat(), act)
    cut = chat.told(AddMessage)[-1]
    assert (cut.content, cut.status, cut.finish_reason) == ("", "cut", "stopped")


def test_a_failed_answer_says_why() -> None:
    failure = EndpointError("too_many_requests", "large is busy. Try again in 7 seconds.", 7)

    async def act(chat: ScriptedChat) -> None:
        failed = await chat.ask("Hello")
        shown = chat.session.transcript.messages[failed]
        assert (shown.error, shown.retry_after_s) == (str(failure), 7)
        chat.session.regenerate(failed, [LARGE])
        await chat.answered()
        await chat.ask("And?")

    chat = run(scripted_chat([failure]), act)
    question, failed, again, _, _ = chat.told(AddMessage)
    assert failed.status == "error"
    assert failed.metadata == {
        "error": str(failure),
        "error_kind": "too_many_requests",
        "retry_after_s": "7",
    }
    assert again.parent_id == question.message_id
    assert chat.told(UpdateMessage) == []  # nobody complained about an answer


def test_a_broken_answer_is_kept_as_cut() -> None:
    failure = EndpointError("cut_stream", "The connection broke: \ud800.")
    chat = run(scripted_chat([AnswerDelta("The fir"), failure]), asking("Hello"))
    cut = chat.told(AddMessage)[-1]
    assert (cut.content, cut.status, cut.metadata["error"]) == (
        "The fir",
        "cut",
        "The connection broke: \ufffd.",
    )


def test_a_failed_answer_is_not_sent_to_models() -> None:
    failure = EndpointError("unreachable", "large cannot be reached.")

    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello")
        await chat.ask("Are you there?")

    chat = run(scripted_chat([failure]), act)
    assert chat.models.asked[1][1] == [{"role": "user", "content": "Hello\n\nAre you there?"}]


def test_a_fault_of_ours_is_an_answer_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    chat = run(scripted_chat([RuntimeError("a bug")]), asking("Hello"))
    assert chat.told(AddMessage)[-1].status == "error"
    assert "a bug" in caplog.text
