"""The course of a chat: pairs, waiting, clearing, consent, signals, and outages while it is recorded."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from plaudit_producers.chat.endpoints import AnswerDelta
from plaudit_producers.chat.errors import ChatBusyError, ChatError, EndpointError
from plaudit_producers.chat.side_by_side import SideBySide
from plaudit_producers.errors import BufferFullError, RedactionError
from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import (
    AddMessage,
    CompareMessages,
    EndConversation,
    StartConversation,
    TokenUsage,
    UpdateConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Signal
from plaudit_schemas.errors import InvalidEventError

from tests.producers.chat.scripted import LARGE, SMALL, ScriptedChat, Step, asking, run, says, scripted_chat


def test_two_answers_are_compared() -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", SMALL, LARGE)
        pair = chat.pair()
        assert pair is not None
        assert not pair.revealed
        for preference in ("left", "right", "right"):
            chat.session.vote(preference)
        assert chat.pair() == SideBySide(pair.left_id, pair.right_id, "right")
        assert chat.texts()[-1][1] == "Large"
        await chat.ask("Go on", SMALL)
        assert chat.pair() is None
        with pytest.raises(ChatError, match="no two answers"):
            chat.session.vote("tie")

    chat = run(scripted_chat(says("Small"), says("Large")), act)
    first, second = chat.told(CompareMessages)
    left, right = first.candidates
    assert first.comparison_id == second.comparison_id
    assert second.ranking == [[right], [left]]
    sides = {one.message_id: (one.metadata["side"], one.model.id) for one in chat.told(AddMessage)[2:4]}
    assert sides == {left: ("left", "small"), right: ("right", "large")}
    assert chat.models.asked[2][1][2]["content"] == "Large"  # the better answer goes on
    assert chat.told(StartConversation)[0].model is None


@pytest.mark.parametrize(
    ("preference", "bad"),
    [pytest.param("tie", False, id="a tie"), pytest.param("both_bad", True, id="both bad")],
)
def test_neither_answer_wins(preference: str, bad: bool) -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", LARGE, LARGE)
        chat.session.vote(preference)  # type: ignore[arg-type]  # parametrised

    (said,) = run(scripted_chat(), act).told(CompareMessages)
    assert said.ranking == [said.candidates]
    assert said.none_acceptable is bad


def test_a_pair_without_a_vote_is_closed_when_the_chat_goes_on() -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", SMALL, LARGE)
        pair = chat.pair()
        assert pair is not None
        await chat.ask("Go on")
        assert (pair.closed, pair.revealed) == (True, True)  # who wrote what may be said now

    assert run(scripted_chat(), act).told(CompareMessages) == []


_FAILED = [EndpointError("unreachable", "The model cannot be reached.")]


@pytest.mark.parametrize(
    ("scripts", "shown"),
    [
        pytest.param((_FAILED, says("Large")), "Large", id="the first one failed"),
        pytest.param((says("Small"), _FAILED), "Small", id="the second one failed"),
        pytest.param((_FAILED, _FAILED), "", id="both failed"),
        pytest.param((says(" \n"), says("Large")), "Large", id="one of blanks"),
    ],
)
def test_an_answer_without_words_is_not_compared(scripts: tuple[Sequence[Step], ...], shown: str) -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello", SMALL, LARGE)
        pair = chat.pair()
        assert pair is not None
        assert pair.revealed
        assert chat.texts()[-1] == ("assistant", shown)
        with pytest.raises(ChatError, match="no two answers"):
            chat.session.vote("left")
        await chat.ask("Go on", LARGE)  # after the answer that has words

    chat = run(scripted_chat(*scripts), act)
    assert chat.told(CompareMessages) == []
    assert [turn["content"] for turn in chat.models.asked[2][1] if turn["role"] == "assistant"] == (
        [shown] if shown else []
    )


def test_two_cut_answers_are_compared() -> None:
    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("Hello", (LARGE, LARGE))
        await chat.begun()
        await chat.session.stop()
        chat.session.vote("left")

    never: list[Step] = [AnswerDelta("The"), asyncio.Event()]
    assert len(run(scripted_chat(never, never), act).told(CompareMessages)) == 1


def test_sides_are_left_to_chance() -> None:
    chat = scripted_chat()
    object.__setattr__(chat.session._backend, "shuffle", lambda models: models.reverse())
    run(chat, asking("Hello", SMALL, LARGE))
    assert [key for key, _ in chat.models.asked] == [LARGE, SMALL]
    pair = chat.session.pair
    assert pair is not None
    assert chat.session.transcript.messages[pair.left_id].model_key == LARGE


def test_a_chat_waits_for_its_answer() -> None:
    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("Hello", [SMALL, LARGE])
        with pytest.raises(ChatBusyError):
            chat.session.ask("Again", [LARGE])
        with pytest.raises(ChatBusyError):
            chat.session.vote("left")
        answer = chat.session.transcript.last_id
        with pytest.raises(ChatBusyError):
            chat.session.correct(answer, "x", send_correction=False)
        with pytest.raises(ChatBusyError):
            chat.session.regenerate(answer, [LARGE])
        await chat.session.stop()

    run(scripted_chat([asyncio.Event()], [asyncio.Event()]), act)


@pytest.mark.parametrize(
    ("text", "models", "said"),
    [
        pytest.param(" \n", (LARGE,), "Write something", id="nothing said"),
        pytest.param("x" * ((1 << 20) + 1), (LARGE,), "shorten it", id="a text that is too long"),
        pytest.param("Hello", ("gone",), "no model gone", id="a model that is gone"),
        pytest.param("Hello", (), "Choose one model", id="no model"),
        pytest.param("Hello", (LARGE,) * 3, "Choose one model", id="three models"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(text: str, models: tuple[str, ...], said: str) -> None:
    async def act(chat: ScriptedChat) -> None:
        with pytest.raises(ChatError, match=said):
            chat.session.ask(text, models)

    assert run(scripted_chat(), act).bodies == []


def test_clear_ends_the_conversation_and_begins_another() -> None:
    noted: list[str | None] = []

    async def act(chat: ScriptedChat) -> None:
        chat.session._note = noted.append
        first = chat.session.transcript.conversation_id
        answer = await chat.ask("Hello")
        chat.session.ask("More", [LARGE])
        await chat.begun()
        await chat.session.clear()
        assert chat.session.transcript.path() == []
        assert not chat.session.busy
        with pytest.raises(ChatError, match="load the page again"):
            chat.session.judge(answer, "thumb", True)
        assert not chat.session.signal(answer, "copied")
        await chat.ask("Hello again")
        assert noted == [first, first, None, chat.session.transcript.conversation_id]

    chat = run(scripted_chat(says("Hi"), [AnswerDelta("So"), asyncio.Event()]), act)
    ids = [event.conversation_id for event in chat.producer.events]
    assert len(set(ids)) == 2
    (end,) = chat.told(EndConversation)
    assert end.reason == "cleared"
    assert [event.body for event in chat.producer.events if event.conversation_id == ids[0]][-1] == end
    assert [start.user_id for start in chat.told(StartConversation)] == ["u", "u"]


def test_clearing_an_empty_chat_records_nothing() -> None:
    assert run(scripted_chat(), lambda chat: chat.session.clear()).bodies == []


def test_another_system_prompt_begins_a_conversation_that_continues_the_first() -> None:
    async def act(chat: ScriptedChat) -> None:
        await chat.session.set_system_prompt("Rhyme.")
        await chat.ask("Hello", SMALL)
        await chat.session.set_system_prompt("Rhyme.")
        assert chat.texts()[0] == ("system", "Rhyme.")
        await chat.session.set_system_prompt("")
        await chat.ask("Hello", SMALL)
        assert chat.texts()[0] == ("user", "Hello")
        with pytest.raises(ChatError, match="shorten it"):
            await chat.session.set_system_prompt("x" * ((1 << 20) + 1))

    first, second = (chat := run(scripted_chat(), act)).told(StartConversation)
    assert first.continues is None
    assert second.continues == chat.producer.events[0].conversation_id
    assert [end.reason for end in chat.told(EndConversation)] == ["closed"]


def test_consent_is_recorded_and_holds_for_later_conversations() -> None:
    async def act(chat: ScriptedChat) -> None:
        chat.session.set_consent("granted")
        await chat.ask("Hello")
        chat.session.set_consent("granted")
        chat.session.set_consent("denied")
        await chat.session.clear()
        await chat.ask("Hello")

    chat = run(scripted_chat(), act)
    assert [start.consent for start in chat.told(StartConversation)] == ["granted", "denied"]
    assert [update.consent for update in chat.told(UpdateConversation)] == ["denied"]
    assert chat.session.consent == "denied"


def test_signals_are_recorded_once_and_dwelling_when_it_grows() -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        for _ in range(2):
            chat.session.signal(answer, "copied")
        for seconds in (3.0, 2.0, 9.5):
            chat.session.signal(answer, "dwell_seconds", seconds)

    said = [body.feedback.value for body in run(scripted_chat(), act).told(UpdateMessage)]
    assert said == [
        Signal(name="copied"),
        Signal(name="dwell_seconds", number=3.0),
        Signal(name="dwell_seconds", number=9.5),
    ]


def test_usage_and_reasoning_are_recorded() -> None:
    script = [
        AnswerDelta(reasoning="Hm. "),
        AnswerDelta("Yes"),
        AnswerDelta(finish_reason="length"),
        AnswerDelta(usage=TokenUsage(input=3, output=1)),
    ]
    said = run(scripted_chat(script), asking("Hello")).told(AddMessage)[-1]
    assert (said.reasoning, said.content, said.finish_reason) == ("Hm. ", "Yes", "length")
    assert said.status == "cut"
    assert (said.usage.input, said.usage.output) == (3, 1)


def test_while_kafka_is_away_the_chat_goes_on() -> None:
    producer = InMemoryProducer("chat", when_full="raise")
    producer.go_offline()

    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        chat.session.judge(answer, "thumb", True)
        assert chat.session.notice is None
        assert chat.bodies == []
        producer.go_online()

    chat = run(scripted_chat(producer=producer), act)
    assert [type(body) for body in chat.bodies] == [StartConversation, AddMessage, AddMessage, UpdateMessage]


def test_what_cannot_be_kept_is_not_shown_as_recorded_and_is_sent_later() -> None:
    producer = InMemoryProducer("chat", when_full="raise", max_buffer_events=3)
    producer.go_offline()

    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        await chat.ask("More")
        assert "could not be recorded" in (chat.session.notice or "")
        with pytest.raises(BufferFullError):
            chat.session.judge(answer, "thumb", True)
        assert chat.session.transcript.said(answer, "satisfaction", "thumb") is None
        producer.go_online()
        assert chat.session.judge(answer, "thumb", True)

    chat = run(scripted_chat(producer=producer), act)
    assert [one.content for one in chat.told(AddMessage)] == ["Hello", "Hi", "More", "Hi"]
    assert len(chat.told(UpdateMessage)) == 1


@pytest.mark.parametrize("kind", [InvalidEventError, RedactionError])
def test_a_message_that_is_refused_for_good_does_not_hold_up_the_others(kind: type[Exception]) -> None:
    def refuse(event: Record) -> Record:
        if event["body"][1].get("content") == "bad":
            raise kind("this content is not taken")
        return event

    async def act(chat: ScriptedChat) -> None:
        chat.session.ask("bad", [LARGE])
        assert "this content is not taken" in (chat.session.notice or "")
        answer = await chat.answered()
        assert chat.session.judge(answer, "thumb", True)
        await chat.ask("good")
        assert chat.session.notice is None

    chat = run(scripted_chat(producer=_RefusingProducer(refuse)), act)
    assert [one.content for one in chat.told(AddMessage)] == ["Hi", "good", "Hi"]


class _RefusingProducer(InMemoryProducer):
    def __init__(self, check: Callable[[Record], Record]) -> None:
        super().__init__("chat", when_full="raise")
        self._check_record = check

    def emit(
        self, record: Record, on_delivery: DeliveryCallback | None = None, *, enveloped: bool = False
    ) -> None:
        super().emit(self._check_record(record), on_delivery, enveloped=enveloped)


def test_a_judgement_that_breaks_the_contract_is_refused() -> None:
    async def act(chat: ScriptedChat) -> None:
        answer = await chat.ask("Hello")
        with pytest.raises(InvalidEventError):
            chat.session.judge(answer, "text", "x" * ((1 << 20) + 1))
        with pytest.raises(InvalidEventError, match="a thumb cannot be str"):
            chat.session.judge(answer, "thumb", "Unsafe")
        assert chat.session.transcript.judgements == {}

    assert run(scripted_chat(), act).told(UpdateMessage) == []


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        pytest.param(["\ud83d", "\ude00!"], "\U0001f600!", id="a pair in two pieces"),
        pytest.param(["a\ud83d", "b"], "a\ufffdb", id="half a pair"),
        pytest.param(["\ude00x"], "\ufffdx", id="a second half alone"),
    ],
)
def test_answers_hold_no_halves_of_surrogate_pairs(pieces: list[str], whole: str) -> None:
    chat = run(scripted_chat(says(*pieces)), asking("Hello \ud83d"))
    assert [one.content for one in chat.told(AddMessage)] == ["Hello \ufffd", whole]


def test_an_answer_without_end_is_cut_at_the_limit_of_a_message() -> None:
    script = [AnswerDelta("\u20ac" * 100_000) for _ in range(10)]
    cut = run(scripted_chat(script), asking("Hello")).told(AddMessage)[-1]
    assert cut.status == "cut"
    assert len(cut.content) == 300_000
    assert cut.metadata["error_kind"] == "too_long"


def test_a_fault_while_recording_does_not_end_the_chat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(InMemoryProducer, "emit", broken)

    async def act(chat: ScriptedChat) -> None:
        await chat.ask("Hello")
        assert chat.texts() == [("user", "Hello"), ("assistant", "Hi")]
        assert "could not be recorded" in (chat.session.notice or "")

    run(scripted_chat(), act)
    assert "a bug" in caplog.text
