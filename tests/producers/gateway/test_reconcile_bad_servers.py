"""`plaudit reconcile open-webui` and what may go wrong before the gateway is asked. Without Kafka."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from plaudit_infra.main import main
from plaudit_producers.integrations.open_webui.http_json import JsonServer
from plaudit_producers.integrations.open_webui.reconciling import Reconciled, take_back_deleted
from plaudit_schemas.errors import ServiceUnavailableError

from tests.support.open_webui_server import open_webui_server


@contextmanager
def cutting_server() -> Iterator[str]:
    """A server that ends each answer before its end. Yields its address."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_that_is_cut_is_an_error_of_ours() -> None:
    with cutting_server() as url, pytest.raises(ServiceUnavailableError, match="does not answer: Incomplete"):
        JsonServer("Open WebUI", url, "k", "V").ask("/")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:port", "http://a b", "no address", "http://[::1"],
    ids=["a word as port", "a blank", "no scheme", "half an address"],
)
def test_an_address_that_is_none_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        JsonServer("Open WebUI", url, "k", "V").ask("/")


def test_an_empty_open_webui_takes_nothing_back() -> None:
    done = Reconciled()
    nobody = JsonServer("the gateway", "http://127.0.0.1:9", "k", "V")
    with open_webui_server() as served:
        take_back_deleted(JsonServer("Open WebUI", served.url, served.key, "V"), nobody, "default", done)
    assert "has no votes at all" in done.deletions_skipped
    assert done.counts == {}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs the command with a key of Open WebUI. Returns what it prints when it fails."""

    def command(key: str) -> str:
        monkeypatch.setenv("PLAUDIT_OPEN_WEBUI_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("PLAUDIT_OPEN_WEBUI_KEY", key)
        monkeypatch.setenv("PLAUDIT_OPEN_WEBUI_GATEWAY_KEY", "plk_a_b")
        assert main(["reconcile", "open-webui"]) != 0
        printed = capsys.readouterr()
        return printed.out + printed.err

    return command


@pytest.mark.parametrize("key", ["sk-secret\nword", "sk-secrét"], ids=["line break", "accent"])
def test_a_key_that_cannot_be_sent_is_not_printed(run: Callable[[str], str], key: str) -> None:
    told = run(key)
    assert "PLAUDIT_OPEN_WEBUI_KEY holds a character that no key has" in told
    assert "secr" not in told


def test_white_space_around_a_key_does_no_harm(run: Callable[[str], str]) -> None:
    assert "Open WebUI at http://127.0.0.1:9 does not answer" in run(" sk-secret\n")
