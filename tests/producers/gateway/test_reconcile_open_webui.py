"""`plaudit reconcile open-webui` between a stand-in of Open WebUI and a real gateway."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plaudit_infra.main import main
from plaudit_schemas.contract.events import UpdateMessage

from harness.gateway import Gateway
from tests.support.event_log import read_log
from tests.support.gateway import known_key
from tests.support.open_webui_server import OpenWebui, open_webui_server
from tests.support.open_webui_votes import make_older, vote

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture
def open_webui() -> Iterator[OpenWebui]:
    with open_webui_server() as served:
        yield served


@pytest.fixture
def run(
    gateway: Gateway,
    open_webui: OpenWebui,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Runs the command against an instance of its own. Returns its exit code and what it printed."""
    secret = known_key(gateway, "producer")
    for name, value in {
        "URL": open_webui.url,
        "KEY": open_webui.key,
        "GATEWAY_URL": gateway.url,
        "GATEWAY_KEY": secret,
        "INSTANCE": open_webui.url,
    }.items():
        monkeypatch.setenv(f"PLAUDIT_OPEN_WEBUI_{name}", value)

    def command(*words: str) -> tuple[int, str]:
        code = main(["reconcile", "open-webui", *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def length(gateway: Gateway) -> int:
    return len(read_log(gateway.connection))


def test_running_it_twice_changes_nothing(
    gateway: Gateway, open_webui: OpenWebui, run: Callable[..., tuple[int, str]]
) -> None:
    open_webui.votes = [vote(f"r{number}", name, 1) for number in range(70) for name in ("a", "b")]
    assert run() == (
        0,
        "140 votes: 140 new or changed, 0 unchanged, 0 refused\n0 deleted votes were taken back\n",
    )
    before = length(gateway)
    assert run()[1].startswith("140 votes: 0 new or changed, 140 unchanged")
    assert length(gateway) == before


def test_it_brings_what_changed_and_takes_back_what_was_deleted(
    gateway: Gateway, open_webui: OpenWebui, run: Callable[..., tuple[int, str]]
) -> None:
    open_webui.votes = [vote("c1", "a", 1), vote("c2", "a", 1)]
    run()
    open_webui.votes = [vote("c1", "a", -1, version=9)]
    # A vote of the last minute may be newer than the list of ids.
    assert run() == (
        0,
        "1 votes: 1 new or changed, 0 unchanged, 0 refused\n0 deleted votes were taken back\n",
    )
    make_older(gateway, 120)
    before = length(gateway)
    assert run() == (
        0,
        "1 votes: 0 new or changed, 1 unchanged, 0 refused\n1 deleted votes were taken back\n",
    )
    bodies = [logged.event.body for logged in read_log(gateway.connection)]
    assert length(gateway) == before + 1
    assert any(isinstance(body, UpdateMessage) and body.feedback.value is None for body in bodies)
    assert run()[1].endswith("0 deleted votes were taken back\n")


def test_a_file_is_sent_and_nothing_taken_back(
    open_webui: OpenWebui, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    open_webui.votes = [vote("f1", "a", 1)]
    run()
    path = tmp_path / "export.json"
    path.write_text(json.dumps([vote("f2", "a", 1), {"id": "x"}]))
    code, told = run("--file", str(path))
    assert code == 0
    assert told.startswith(
        "2 votes: 1 new or changed, 0 unchanged, 1 refused\ndeleted votes were not looked for"
    )
    assert "x: it is not a record of a vote" in told


def test_an_open_webui_that_lists_no_ids_is_said(
    open_webui: OpenWebui, run: Callable[..., tuple[int, str]]
) -> None:
    open_webui.lists_ids = False
    code, told = run()
    assert (code, "does not list the ids" in told) == (0, True)


@pytest.mark.slow
def test_a_busy_open_webui_is_asked_again(open_webui: OpenWebui, run: Callable[..., tuple[int, str]]) -> None:
    open_webui.busy = 1
    assert run()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        pytest.param(
            "KEY", "sk-wrong", "Open WebUI refuses the key of PLAUDIT_OPEN_WEBUI_KEY", id="wrong key"
        ),
        pytest.param("KEY", "", "PLAUDIT_OPEN_WEBUI_KEY is not set", id="no key"),
        pytest.param(
            "GATEWAY_KEY", "plk_no_no", "refuses the key of PLAUDIT_OPEN_WEBUI_GATEWAY_KEY", id="key"
        ),
        pytest.param(
            "URL", "http://127.0.0.1:9", "Open WebUI at http://127.0.0.1:9 does not answer", id="nobody"
        ),
        pytest.param(
            "URL", "nowhere", "Open WebUI at nowhere does not answer: unknown url type", id="no URL"
        ),
        pytest.param(
            "GATEWAY_URL", "http://127.0.0.1:9", "the gateway at http://127.0.0.1:9", id="no gateway"
        ),
    ],
)
def test_a_wrong_setting_is_named(
    open_webui: OpenWebui, run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch,
    setting: str, value: str, says: str,
) -> None:  # fmt: skip
    open_webui.votes = [vote("w1", "a", 1)]
    monkeypatch.setenv(f"PLAUDIT_OPEN_WEBUI_{setting}", value)
    code, told = run()
    assert code != 0
    assert says in told


@pytest.mark.slow
def test_other_servers_are_recognised(
    gateway: Gateway,
    open_webui: OpenWebui,
    run: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_webui.votes = [vote("o1", "a", 1)]
    monkeypatch.setenv("PLAUDIT_OPEN_WEBUI_URL", f"{open_webui.url}/app")
    code, told = run()
    assert (code != 0, "has no export of feedback" in told) == (True, True)


@pytest.mark.slow
def test_the_function_to_paste_is_printed(run: Callable[..., tuple[int, str]]) -> None:
    code, told = run("--print-function")
    assert code == 0
    assert told.startswith('"""\ntitle: Plaudit feedback')
    assert "Event = VoteSender" in told
