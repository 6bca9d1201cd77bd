"""Visitors: whose chat is whose, and for how long."""

import asyncio
import stat
import time
from pathlib import Path

import pytest
from plaudit_producers.chat.consent import consent_of
from plaudit_producers.chat.open_chats import OpenChats
from plaudit_producers.chat.session import ChatSession
from plaudit_producers.chat.visitor_cookies import VisitorCookies, cookie_secret
from plaudit_producers.chat.visitors import Visitors
from plaudit_schemas.errors import SettingsError

from tests.producers.chat.scripted import LARGE, scripted_chat

_SECRET = b"a secret of the page"


class Opener:
    """Opens sessions, and counts them."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.fails = False

    async def open(self, visitor: str) -> ChatSession:
        self.opened.append(visitor)
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("no disk")
        return scripted_chat([asyncio.Event()]).session


def visitors(opener: Opener, most: int = 10) -> Visitors:
    return Visitors(opener.open, most=most, resume_s=60)


def test_a_cookie_names_its_visitor() -> None:
    cookies = VisitorCookies(_SECRET)
    visitor, cookie = cookies.new_visitor()
    assert cookies.visitor_of(cookie) == visitor
    assert cookies.new_visitor()[0] != visitor


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _: None, id="no cookie"),
        pytest.param(lambda _: "", id="an empty one"),
        pytest.param(lambda cookie: cookie.partition(".")[0], id="no signature"),
        pytest.param(
            lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), id="another signature"
        ),
        pytest.param(lambda cookie: f"{cookie}\n", id="a line more"),
        pytest.param(lambda cookie: cookie.replace("visitor-", "visitor-X"), id="another id"),
        pytest.param(lambda _: VisitorCookies(b"another secret of it").new_visitor()[1], id="another secret"),
        pytest.param(lambda cookie: cookie.replace("visitor", "v\u00efsitor"), id="no ASCII"),
    ],
)
def test_a_forged_cookie_names_nobody(forge: object) -> None:
    cookies = VisitorCookies(_SECRET)
    assert callable(forge)
    assert cookies.visitor_of(forge(cookies.new_visitor()[1])) is None


def test_the_secret_is_kept_in_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    kept = cookie_secret("", data)
    assert cookie_secret("", data) == kept
    assert cookie_secret("", tmp_path / "other") != kept
    (file,) = data.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cookie_secret("sixteen bytes or more", data) == b"sixteen bytes or more"


def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 16 bytes"):
        cookie_secret("short", tmp_path)
    (tmp_path / "chat-secret").write_text("")
    with pytest.raises(SettingsError, match="is damaged"):
        cookie_secret("", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="set PLAUDIT_CHAT_SECRET"):
        cookie_secret("", tmp_path / "file")


def test_each_visitor_has_one_chat_however_often_the_page_is_loaded() -> None:
    async def load() -> None:
        opener = Opener()
        open_chats = visitors(opener)
        first, again, other = await asyncio.gather(
            open_chats.session_of("a", loading=True),
            open_chats.session_of("a", loading=True),  # two tabs at once
            open_chats.session_of("b", loading=True),
        )
        assert first is again
        assert first is not other
        assert await open_chats.session_of("a") is first
        assert opener.opened == ["a", "b"]

    asyncio.run(load())


def test_a_page_that_is_loaded_late_begins_an_empty_chat() -> None:
    async def load() -> None:
        open_chats = visitors(Opener())
        first = await open_chats.session_of("a")
        first.used_at = time.monotonic() - 61
        assert await open_chats.session_of("a") is first  # an open tab goes on
        assert await open_chats.session_of("a", loading=True) is not first

    asyncio.run(load())


def test_the_oldest_chats_are_let_go_but_not_one_that_is_answering() -> None:
    async def load() -> None:
        opener = Opener()
        open_chats = visitors(opener, most=2)
        answering = await open_chats.session_of("a")
        answering.ask("Hello", [LARGE])
        kept = await open_chats.session_of("b")
        await open_chats.session_of("c")
        assert len(open_chats) == 2
        assert await open_chats.session_of("a") is answering
        assert await open_chats.session_of("b") is not kept
        await open_chats.stop()
        assert not answering.busy

    asyncio.run(load())


def test_a_chat_that_was_not_used_for_a_day_is_let_go() -> None:
    async def load() -> None:
        open_chats = visitors(Opener())
        (await open_chats.session_of("a")).used_at = time.monotonic() - 86_401
        await open_chats.session_of("b")
        assert len(open_chats) == 1

    asyncio.run(load())


def test_a_chat_that_cannot_be_opened_is_tried_again() -> None:
    async def load() -> None:
        opener = Opener()
        opener.fails = True
        open_chats = visitors(opener)
        with pytest.raises(OSError, match="no disk"):
            await open_chats.session_of("a")
        opener.fails = False
        await open_chats.session_of("a")
        assert opener.opened == ["a", "a"]

    asyncio.run(load())


def test_open_chats_are_found_after_a_restart(tmp_path: Path) -> None:
    path, now = tmp_path / "data" / "chats.sqlite", [1000.0]
    before = OpenChats(path, lambda: now[0])
    before.note("a", "conversation-1")
    before.note("a", "conversation-2")
    before.note("b", "conversation-3")
    before.note("b", None)
    before.close()
    after = OpenChats(path, lambda: now[0])
    assert after.find("a", 60) == "conversation-2"
    assert after.find("b", 60) is None
    now[0] = 1061
    assert after.find("a", 60) is None
    after.close()
    now[0] = 1000 + 31 * 86_400
    assert OpenChats(path, lambda: now[0]).find("a", 1e9) is None


def test_open_chats_that_cannot_be_kept_are_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "chats.sqlite").write_bytes(b"this is no database" * 100)
    chats = OpenChats(tmp_path / "chats.sqlite")
    chats.note("a", "conversation-1")
    assert chats.find("a", 60) is None
    assert "a restart forgets them" in caplog.text
    assert OpenChats(None).find("a", 60) is None


def test_a_database_that_breaks_later_ends_no_chat(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chats = OpenChats(tmp_path / "chats.sqlite")
    assert chats._database is not None
    chats._database.execute("DROP TABLE open_chats")
    chats.note("a", "conversation-1")
    assert chats.find("a", 60) is None
    assert "no such table" in caplog.text
    chats.close()
    chats.close()


@pytest.mark.parametrize(
    ("cookie", "consent"),
    [
        pytest.param("granted", "granted", id="yes"),
        pytest.param("denied", "denied", id="no"),
        pytest.param(None, "unspecified", id="never asked"),
        pytest.param("unknown", "unspecified", id="something else"),
    ],
)
def test_the_cookie_of_consent_is_read(cookie: str | None, consent: str) -> None:
    assert consent_of(cookie) == consent
