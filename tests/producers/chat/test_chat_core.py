"""The parts of the page, made from settings."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.chat import core as core_module
from plaudit_producers.chat.core import ChatCore, make_core
from plaudit_producers.chat.guidelines import read_guidelines
from plaudit_producers.chat.responder import BUILTIN_MODELS, builtin_answer, respond
from plaudit_producers.chat.settings import ChatSettings
from plaudit_producers.sdk.producer import FeedbackProducer
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import AddMessage, StartConversation
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError, SettingsError
from plaudit_schemas.settings import data_folder, load
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.producers.chat.test_chat_restoring import documents


class Reader:
    """Reads what a test says."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        self.asked.append((application, conversation_id))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        found: dict[str, Any] = answer
        return found

    async def aclose(self) -> None:
        self.answers.clear()


def make(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader | None = None, **settings: Any
) -> tuple[ChatCore, InMemoryProducer]:
    monkeypatch.setattr(core_module, "installed_reader", lambda _: reader)
    producer = InMemoryProducer("chat", when_full="raise")
    core = make_core(ChatSettings(**settings), ConnectionSettings(), producer, data=folder)
    return core, producer


async def say(core: ChatCore, visitor: str, text: str) -> None:
    session = await core.visitors.session_of(visitor, loading=True)
    session.ask(text, [BUILTIN_MODELS[0].key])
    async for _ in session.growth():
        pass


def test_two_visitors_never_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act() -> None:
        core, producer = make(tmp_path, monkeypatch)
        await asyncio.gather(say(core, "a", "I am a"), say(core, "b", "I am b"))
        await say(core, "a", "still a")
        await core.aclose()
        said: dict[str, list[str]] = {}
        for event in producer.events:
            if isinstance(event.body, AddMessage) and event.body.role == "user":
                said.setdefault(event.conversation_id, []).append(event.body.content)
        assert sorted(said.values()) == [["I am a", "still a"], ["I am b"]]

    asyncio.run(act())


def test_after_a_restart_a_reload_goes_on_with_the_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act() -> None:
        core, producer = make(tmp_path, monkeypatch)
        await say(core, "a", "Hello")
        old = (await core.visitors.session_of("a")).transcript
        state = {**documents(producer)[0], "user_id": "the hash of a"}
        await core.aclose()
        again, later = make(tmp_path, monkeypatch, reader := Reader(state))
        session = await again.visitors.session_of("a", loading=True)
        assert reader.asked == [("chat", old.conversation_id)]
        assert [one.content for one in session.transcript.path()] == [one.content for one in old.path()]
        await say(again, "a", "Go on")
        assert {event.conversation_id for event in later.events} == {old.conversation_id}
        await session.clear()
        await say(again, "a", "Hello again")
        starts = [event.body for event in later.events if isinstance(event.body, StartConversation)]
        assert [start.user_id for start in starts] == ["a"]
        await again.aclose()

    asyncio.run(act())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NotFoundError("none"), id="no state"),
        pytest.param(ServiceUnavailableError("away"), id="Redis is away"),
        pytest.param(None, id="no answer in time"),
        pytest.param({"open": True, "messages": [{}]}, id="an odd state"),
        pytest.param({"open": False}, id="an ended chat"),
    ],
)
def test_a_chat_that_cannot_be_read_back_is_left_and_a_new_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(core_module, "_READ_S", 0.05)

    async def act() -> None:
        core, _ = make(tmp_path, monkeypatch)
        await say(core, "a", "Hello")
        await core.aclose()
        again, producer = make(tmp_path, monkeypatch, Reader(answer))
        session = await again.visitors.session_of("a", loading=True)
        assert session.transcript.path() == []
        await say(again, "a", "Hello again")
        assert producer.events[0].body.user_id == "a"  # type: ignore[union-attr]  # a start
        await again.aclose()

    asyncio.run(act())


def test_closing_cuts_the_answers_and_closes_the_producer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act() -> None:
        core, producer = make(tmp_path, monkeypatch)
        session = await core.visitors.session_of("a")
        session.ask("Hello", [BUILTIN_MODELS[1].key])
        await core.aclose()
        last = producer.events[-1].body
        assert isinstance(last, AddMessage)
        assert (last.status, last.finish_reason) == ("cut", "page_ended")  # nobody stopped it

    asyncio.run(act())


def test_what_was_said_waits_in_a_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, "installed_reader", lambda _: None)
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")

    async def act() -> None:
        core = make_core(ChatSettings(), away, data=tmp_path)
        assert isinstance(core.producer, FeedbackProducer)
        assert core.producer.options.when_full == "raise"
        await say(core, "a", "Hello")
        assert (await core.visitors.session_of("a")).notice is None
        assert core.producer.stats().spool_bytes > 0
        assert await asyncio.to_thread(core.producer.close, 0.1) > 0
        await core.aclose()

    asyncio.run(act())
    assert list((tmp_path / "chat-spool").iterdir())


def hide(event: Record) -> Record:
    """A redact hook."""
    name, body = event["body"]
    return {**event, "body": (name, {**body, "content": "hidden"} if "content" in body else body)}


def test_events_are_redacted_and_visitors_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[InMemoryProducer] = []

    def in_memory(application: str, *, connection: object, spool_dir: object, **options: Any) -> object:
        assert None not in (connection, spool_dir)
        made.append(InMemoryProducer(application, **options))
        return made[0]

    monkeypatch.setattr(core_module, "FeedbackProducer", in_memory)
    monkeypatch.setattr(core_module, "installed_reader", lambda _: None)
    settings = {"chat_redact": f"{__name__}:hide", "chat_identity_key": "k1:sixteen bytes or more"}

    async def act() -> None:
        core = make_core(load_chat(settings), ConnectionSettings(), data=tmp_path)
        await say(core, "a", "My card is 4111 1111 1111 1111")
        await core.aclose()

    asyncio.run(act())
    start, *messages = [event.body for event in made[0].events]
    assert isinstance(start, StartConversation)
    assert (start.user_id or "").startswith("k1:")
    assert {body.content for body in messages if isinstance(body, AddMessage)} == {"hidden"}


def load_chat(settings: dict[str, str]) -> ChatSettings:
    return load(ChatSettings, None, {f"PLAUDIT_{name.upper()}": text for name, text in settings.items()})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("chat_identity_key", "k1:short", id="a short secret"),
        pytest.param("chat_identity_key", "a:sixteen bytes or more,b:sixteen bytes or more", id="two keys"),
        pytest.param("chat_max_visitors", "0", id="no visitors"),
    ],
)
def test_a_setting_out_of_range_is_an_error(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"PLAUDIT_{name.upper()}"):
        load_chat({name: value})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        pytest.param({"chat_models": "none.yaml"}, "models file none.yaml", id="models"),
        pytest.param({"chat_guidelines": "none.md"}, "guidelines none.md", id="guidelines"),
        pytest.param({"chat_questions": "tone"}, "PLAUDIT_CHAT_QUESTIONS", id="questions"),
        pytest.param({"chat_secret": "short"}, "PLAUDIT_CHAT_SECRET", id="secret"),
    ],
)
def test_a_wrong_setting_is_an_error_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        make(tmp_path, monkeypatch, **setting)


def test_settings_come_from_the_environment() -> None:
    settings = load(ChatSettings, None, {"PLAUDIT_CHAT_PORT": "9000", "PLAUDIT_CHAT_APPLICATION": "shop"})
    assert (settings.chat_port, settings.chat_application) == (9000, "shop")
    with pytest.raises(SettingsError, match="PLAUDIT_CHAT_APPLICATION"):
        load(ChatSettings, None, {"PLAUDIT_CHAT_APPLICATION": "a shop"})
    with pytest.raises(SettingsError, match="did you mean PLAUDIT_CHAT_MODELS"):
        load(ChatSettings, None, {"PLAUDIT_CHAT_MODEL": "m.yaml"})


def test_the_data_folder_is_that_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_DATA", "/srv/plaudit")
    assert data_folder() == Path("/srv/plaudit")
    monkeypatch.delenv("PLAUDIT_DATA")
    assert data_folder() == Path(".plaudit")


def test_guidelines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "guidelines.md"
    path.write_bytes("\ufeff# Be kind \u2713".encode())
    assert read_guidelines(path) == "# Be kind \u2713"
    assert read_guidelines(None) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"\xff\xfe", "save them as UTF-8", id="no UTF-8"),
        pytest.param(b"x" * ((1 << 20) + 1), "shorten them", id="a huge file"),
    ],
)
def test_guidelines_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "guidelines.md"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        read_guidelines(path)


def test_the_built_in_responder_says_that_it_is_no_model() -> None:
    async def answer() -> list[str]:
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Good  morning"}]
        return [delta.text async for delta in respond(BUILTIN_MODELS[0], turns, pace_s=0)]

    pieces = asyncio.run(answer())
    assert len(pieces) > 3
    assert "".join(pieces) == "(No model.) You wrote: Good morning"
    for model in BUILTIN_MODELS:
        assert "o model" in builtin_answer(model.id, ["Hello"])
        assert builtin_answer(model.id, [])
        assert len(builtin_answer(model.id, ["x" * 10_000])) < 700
