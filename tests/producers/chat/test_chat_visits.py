"""Whose chat a request of the page is about."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_producers.chat.consent import CONSENT_COOKIE
from plaudit_producers.chat.core import ChatCore, make_core
from plaudit_producers.chat.page.visits import visit
from plaudit_producers.chat.session import ChatSession
from plaudit_producers.chat.settings import ChatSettings
from plaudit_producers.chat.visitor_cookies import VISITOR_COOKIE
from plaudit_producers.errors import BufferFullError
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.settings.connection import ConnectionSettings


def request(tab: str = "t", **cookies: str) -> Any:
    """As Gradio gives it to a handler."""
    return SimpleNamespace(cookies=cookies, session_hash=tab, request=SimpleNamespace(scope={}))


def core_in(folder: Path) -> ChatCore:
    return make_core(ChatSettings(), ConnectionSettings(), InMemoryProducer("chat"), data=folder)


def test_a_browser_without_cookies_has_a_chat_for_each_page(tmp_path: Path) -> None:
    async def act() -> None:
        core = core_in(tmp_path)
        _, cookie = core.cookies.new_visitor()
        mine = await visit(core, request("t1", **{VISITOR_COOKIE: cookie}))
        assert await visit(core, request("t2", **{VISITOR_COOKIE: cookie})) is mine
        bare = await visit(core, request("t1"))
        assert bare is not mine
        assert await visit(core, request("t2")) is not bare
        assert await visit(core, request("t1", **{VISITOR_COOKIE: f"{cookie}0"})) is bare
        await core.aclose()

    asyncio.run(act())


def test_the_consent_of_the_browser_counts_when_the_page_loads(tmp_path: Path) -> None:
    async def act() -> None:
        core = core_in(tmp_path)
        given = request(**{CONSENT_COOKIE: "granted"})
        assert (await visit(core, given)).consent == "unspecified"
        session = await visit(core, given, loading=True)
        assert session.consent == "granted"
        session.set_consent("denied")
        assert (await visit(core, given, loading=True)).consent == "denied"  # what they said last
        await core.aclose()

    asyncio.run(act())


def test_the_page_loads_although_the_consent_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BufferFullError("full")

    async def act() -> None:
        core = core_in(tmp_path)
        monkeypatch.setattr(ChatSession, "set_consent", refuse)
        session = await visit(core, request(**{CONSENT_COOKIE: "granted"}), loading=True)
        assert session.consent == "unspecified"
        await core.aclose()

    asyncio.run(act())
