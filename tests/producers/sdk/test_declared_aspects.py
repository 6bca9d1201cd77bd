"""Producers refuse feedback that does not fit the declared aspects, at the call."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.main import main
from plaudit_producers import FeedbackProducer
from plaudit_producers.destinations import EventFile
from plaudit_producers.importers.catalog import find_format
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import replay_file
from plaudit_producers.sdk.conversation import Conversation
from plaudit_producers.testing import AsyncInMemoryProducer, InMemoryProducer
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import AspectError, InvalidEventError, SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings

FILE = """
version: 1
applications:
  shop:
    - name: helpfulness
      kinds: [number, thumb]
      levels: [message]
      direction: higher_is_better
      minimum: 0
      maximum: 4
"""


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "aspects.yaml"
    path.write_text(FILE)
    monkeypatch.setenv("PLAUDIT_ASPECTS", str(path))
    return path


Call = Callable[[Conversation], Any]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        pytest.param(
            lambda chat: chat.like("m", aspect="helpfullness"), "did you mean helpfulness", id="typo"
        ),
        pytest.param(
            lambda chat: chat.rate("m", 9, minimum=0, maximum=10, aspect="helpfulness"),
            "declared from 0 to 4",
            id="other-scale",
        ),
        pytest.param(
            lambda chat: chat.rate("m", 3, aspect="helpfulness"), "on the scale 1 to 5", id="default-scale"
        ),
        pytest.param(lambda chat: chat.label("m", ["x"], aspect="helpfulness"), "not label", id="kind"),
        pytest.param(lambda chat: chat.like(None, aspect="helpfulness"), "not a conversation", id="level"),
        pytest.param(
            lambda chat: chat.withdraw("m", "thumb", aspect="helpfullness"), "did you mean", id="withdrawal"
        ),
        pytest.param(
            lambda chat: chat.compare(["a", "b"], ["a"], aspect="prefrence"),
            "did you mean preference",
            id="comparison",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_refused_and_sends_nothing(declared: Path, call: Call, said: str) -> None:
    with InMemoryProducer("shop", strict=True) as producer:
        chat = producer.start_conversation("c")
        with pytest.raises(AspectError, match=said):
            call(chat)
        assert len(producer.events) == 1
        assert producer.stats().accepted == 1


def test_what_fits_and_what_is_built_in_is_sent(declared: Path) -> None:
    with InMemoryProducer("shop", strict=True) as producer:
        chat = producer.start_conversation("c")
        chat.rate("m", 3, minimum=0, maximum=4, aspect="helpfulness")
        chat.like("m")
        chat.correct("m", "better")
        chat.signal("m", "copied")
        chat.mark_spans("m", [{"start": 0, "end": 1, "label": "x"}])
        chat.compare(["a", "b"], ["a"])
        assert len(producer.events) == 7


def test_other_applications_and_producers_without_the_setting_take_anything(
    declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with InMemoryProducer("bank") as producer:
        producer.conversation("c").like("m", aspect="helpfullness")
        assert len(producer.events) == 1
    monkeypatch.delenv("PLAUDIT_ASPECTS")
    with InMemoryProducer("shop", strict=True) as producer:
        producer.conversation("c").like("m", aspect="helpfullness")
        assert len(producer.events) == 1


def test_an_asyncio_producer_refuses_as_well(declared: Path) -> None:
    async def run() -> None:
        async with AsyncInMemoryProducer("shop", strict=True) as producer:
            with pytest.raises(AspectError):
                await producer.conversation("c").like("m", aspect="helpfullness")

    asyncio.run(run())


def test_an_event_of_another_application_goes_by_that_ones_aspects(declared: Path) -> None:
    with InMemoryProducer("bank", strict=True) as bank, InMemoryProducer("shop") as shop:
        bank.conversation("c").like("m", aspect="helpfullness")
        event = bank.events[0].model_copy(update={"application": "shop"})
        with pytest.raises(AspectError):
            bank.send(event)
        assert shop.events == []


def test_a_connection_names_the_file_too(declared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAUDIT_ASPECTS")
    connection = ConnectionSettings(aspects=str(declared))
    with FeedbackProducer("shop", connection=connection, strict=True) as producer, pytest.raises(AspectError):
        producer.conversation("c").like("m", aspect="helpfullness")


def test_a_file_that_cannot_be_read_is_told_when_the_producer_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAUDIT_ASPECTS", str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsError, match="No such file"):
        FeedbackProducer("shop")


def test_the_file_is_read_once(declared: Path) -> None:
    with InMemoryProducer("shop", strict=True) as producer:
        declared.unlink()
        chat = producer.conversation("c")
        chat.like("m", aspect="helpfulness")
        with pytest.raises(InvalidEventError):
            chat.like("m", aspect="x")


def _line(number: int, aspect: str) -> str:
    return (
        f'{{"event_id": "e{number}", "application": "shop", "conversation_id": "c", "body": {{"type": '
        f'"UpdateMessage", "message_id": "m", "feedback": {{"aspect": "{aspect}", '
        f'"value": {{"kind": "thumb", "like": true}}}}}}}}\n'
    )


def test_an_import_refuses_the_records_and_names_their_lines(declared: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(_line(1, "helpfulness") + _line(2, "helpfullness") + _line(3, "helpfulness"))
    form, refused = find_format("plaudit-jsonl"), tmp_path / "refused.jsonl"
    out, report = io.BytesIO(), ImportReport(refused)
    for destination in (InMemoryProducer("import"), EventFile(out, read_aspects(declared))):
        summary = replay_file(path, form, destination, report=report)
        assert summary.events == 2
        assert report.bad == 1
        assert "did you mean helpfulness?" in report.examples[0]
        assert '"line": 2' in refused.read_text() or "line 2" in refused.read_text()
        report = ImportReport(refused)
    assert out.getvalue().count(b"\n") == 2


@pytest.mark.parametrize("command", ["replay", "simulate"])
def test_commands_that_write_files_read_the_setting(
    command: str, declared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared.write_text("version: 2")
    (tmp_path / "in.jsonl").write_text(_line(1, "x"))
    given = [str(tmp_path / "in.jsonl"), "--format", "plaudit-jsonl"] if command == "replay" else []
    assert main([command, *given, "--output", str(tmp_path / "out.jsonl")]) == 1
    assert "aspects file" in capsys.readouterr().err


def test_a_simulation_that_does_not_fit_says_what_to_do(
    declared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "{name: satisfaction, kinds: [text], levels: [message], direction: higher_is_better}"
    declared.write_text(f"version: 1\napplications:\n  simulated:\n    - {entry}\n")
    given = ["--conversations", "20", "--feedback", "1", "--output", str(tmp_path / "out.jsonl")]
    assert main(["simulate", *given]) == 1
    said = capsys.readouterr().err
    assert "declared with kinds text" in said
    assert "unset PLAUDIT_ASPECTS, or simulate an --application that does not declare this" in said


def test_the_command_checks_and_shows_a_file(
    declared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aspects", "check", str(declared)]) == 0
    assert "valid: 1 aspects for shop" in capsys.readouterr().out
    assert main(["aspects", "show"]) == 0
    shown = capsys.readouterr().out
    assert "helpfulness: number, thumb; of message; from 0 to 4; higher is better" in shown
    assert main(["aspects", "show", "--application", "bank"]) == 0
    assert "declares no aspects" in capsys.readouterr().out
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(FILE.replace("maximum: 4", "maximum: -4"))
    assert main(["aspects", "check", str(wrong)]) == 1
    assert "applications.shop.helpfulness: minimum must be below maximum" in capsys.readouterr().err


def test_the_command_without_a_file_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PLAUDIT_ASPECTS", raising=False)
    assert main(["aspects", "check"]) == 1
    assert "set PLAUDIT_ASPECTS" in capsys.readouterr().err


def test_without_the_setting_the_sdk_loads_as_little_as_before() -> None:
    code = (
        "import sys, plaudit_producers; p = plaudit_producers.FeedbackProducer('shop'); "
        "print([m for m in sys.modules if m.startswith(('plaudit_schemas.service', 'redis', 'starlette'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
