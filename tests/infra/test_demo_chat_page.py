"""The chat page of the demo: that it is served where it can be, told where it cannot, and ends nothing."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from plaudit_infra.commands.demo import models_of_the_page
from plaudit_infra.demo import chat_page
from plaudit_infra.demo.chat_page import DemoChatPage
from plaudit_infra.demo.line import FINITE, DemoLine
from plaudit_infra.demo.services import PlauditService
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_schemas.errors import SettingsError

from harness.waiting import eventually

LISTEN = (
    "import http.server, sys; "
    "h = type('H', (http.server.BaseHTTPRequestHandler,), {'do_GET': lambda s: (s.send_response(200), "
    "s.send_header('Content-Length', '0'), s.end_headers())}); "
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), h).serve_forever()"
)
REFUSE = "import sys; print('plaudit: models.yaml is wrong', file=sys.stderr); sys.exit(1)"


class Stub(PlauditService):
    """Runs a line of Python instead of `plaudit chat`."""

    code = LISTEN

    def _command(self) -> list[str | Path]:
        return [sys.executable, "-c", self.code, str(self.ports["web"])]


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoLine]:
    """A line on which nothing else runs."""
    one = DemoLine(tmp_path, FINITE)
    one.supervisor = Supervisor([], [])
    monkeypatch.setattr("plaudit_infra.demo.line.PlauditService", Stub)
    one.supervisor.start()
    yield one
    one.supervisor.stop()


@pytest.fixture
def asked(line: DemoLine, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The sub-commands that were added to the line."""
    words: list[Sequence[str]] = []
    add = line.add_service

    def keep(given: Sequence[str]) -> PlauditService:
        words.append(given)
        return add(given)

    monkeypatch.setattr(line, "add_service", keep)
    return words


def test_the_page_says_its_address_once_it_is_ready(line: DemoLine, asked: list[Sequence[str]]) -> None:
    page = DemoChatPage(line, None)
    assert page.lines() == ["chat       not started yet"]
    page.start()
    eventually(lambda: "http://127.0.0.1:" in page.lines()[0], "it is ready")
    assert "built-in responder" in page.lines()[0]
    assert asked == [["chat", "--chat-port", "{port}", "--chat-application", "demo"]]


def test_models_are_named_by_their_whole_path(
    line: DemoLine, asked: list[Sequence[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DemoChatPage(line, Path("models.yaml")).start()
    assert asked[0][-2:] == ["--chat-models", str(tmp_path / "models.yaml")]


def test_models_of_the_environment_are_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert models_of_the_page(None) is None
    monkeypatch.setenv("PLAUDIT_CHAT_MODELS", "theirs.yaml")
    assert models_of_the_page(None) == Path("theirs.yaml")
    assert models_of_the_page("given.yaml") == Path("given.yaml")


def test_a_page_that_ends_says_why(line: DemoLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stub, "code", REFUSE)
    page = DemoChatPage(line, None)
    page.start()
    eventually(lambda: page.lines() == ["chat       not ready: models.yaml is wrong"], "the reason is told")


def test_without_its_packages_there_is_none_and_the_demo_goes_on(
    line: DemoLine, asked: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise SettingsError("it needs gradio")

    monkeypatch.setattr(chat_page, "require_gradio", refuse)
    page = DemoChatPage(line, None)
    page.start()
    assert page.lines() == ["chat       none: it needs gradio"]
    assert asked == []
    assert line.supervisor is not None
    assert "no chat page: it needs gradio" in line.supervisor.notes()[0]
