"""The `plaudit` command: help, exit codes, one-line errors."""

import argparse
import json
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest
from plaudit_infra import installed
from plaudit_infra import main as entry
from plaudit_infra.console.pages import console_pages
from plaudit_schemas.commands import FAILED, OK, USAGE, Command
from plaudit_schemas.errors import PlauditError


def _commands(error: BaseException | None) -> list[Command]:
    def run(_arguments: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return OK

    return [Command("work", "do it", lambda _parser: None, run)]


def test_every_command_has_real_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = [command.name for command in entry.commands()]
    assert {"config", "down", "status", "topics", "up"} <= set(names)
    for name in names:
        with pytest.raises(SystemExit) as exit_:
            entry.main([name, "--help"])
        assert exit_.value.code == OK
        text = capsys.readouterr().out
        assert 3 < len(text.splitlines()) < 60
        assert text.count("[PLAUDIT_") <= 3, "the others are under --help-settings"


def test_entry_points_have_the_names_of_their_commands() -> None:
    for point in entry_points(group=entry.GROUP):
        assert point.load().name == point.name


@pytest.mark.parametrize(
    "argv", [["work"], ["--debug", "work"], ["work", "--debug"]], ids=["alone", "debug before", "debug after"]
)
def test_a_command_is_run_without_loading_the_others(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str | None] = []

    def load(_group: str, name: str | None = None) -> list[Command]:
        loaded.append(name)
        return _commands(None)

    monkeypatch.setattr(entry, "load_installed", load)
    assert entry.main(argv) == OK
    assert loaded == ["work"]


@pytest.mark.parametrize(
    "argv",
    [["--help"], ["-h", "topics"], ["--debug", "--help"]],
    ids=["alone", "before a command", "after debug"],
)
def test_help_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        entry.main(argv)
    text = capsys.readouterr().out
    assert all(f"    {command.name}" in text for command in entry.commands())


@pytest.mark.parametrize(
    "argv",
    [[], ["frob"], ["config", "--frob"], ["topics"]],
    ids=["no command", "unknown command", "unknown option", "no subcommand"],
)
def test_wrong_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        entry.main(argv)
    assert exit_.value.code == USAGE
    assert "usage" in capsys.readouterr().err


def test_an_error_of_ours_is_one_line_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "commands", lambda: _commands(PlauditError("do this instead")))
    assert entry.main(["work"]) == FAILED
    assert capsys.readouterr().err == "plaudit: do this instead\n"


@pytest.mark.parametrize(
    "argv", [["--debug", "work"], ["work", "--debug"]], ids=["before the command", "after the command"]
)
def test_debug_shows_the_traceback(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "commands", lambda: _commands(PlauditError("do this instead")))
    assert entry.main(argv) == FAILED
    assert "Traceback" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "commands", lambda: _commands(ZeroDivisionError("division")))
    assert entry.main(["work"]) == FAILED
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ZeroDivisionError):
        entry.main(["--debug", "work"])


def test_an_error_of_many_lines_is_told_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "commands", lambda: _commands(ValueError("one\n  two\nthree")))
    assert entry.main(["work"]) == FAILED
    assert "one two three (--debug" in capsys.readouterr().err


def test_a_command_that_cannot_be_loaded_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[Command]:
        raise ImportError("no module named duckdb")

    monkeypatch.setattr(entry, "commands", broken)
    assert entry.main(["--help"]) == FAILED
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("load", [entry.commands, console_pages], ids=["commands", "pages"])
def test_what_needs_a_member_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], list[Any]]
) -> None:
    absent = EntryPoint("absent", "plaudit_absent.commands:COMMAND", entry.GROUP)
    monkeypatch.setattr(installed, "entry_points", lambda **_: [absent])
    assert load() == []
    broken = EntryPoint("broken", "plaudit_infra.absent:COMMAND", entry.GROUP)
    monkeypatch.setattr(installed, "entry_points", lambda **_: [broken])
    with pytest.raises(ModuleNotFoundError):
        load()


def test_ctrl_c_exits_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "commands", lambda: _commands(KeyboardInterrupt()))
    assert entry.main(["work"]) == 130


def test_config_prints_every_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", "eu.")
    assert entry.main(["config"]) == OK
    assert "PLAUDIT_TOPIC_PREFIX" in capsys.readouterr().out
    assert entry.main(["config", "--json"]) == OK
    rows = {row["variable"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["PLAUDIT_TOPIC_PREFIX"]["value"], rows["PLAUDIT_TOPIC_PREFIX"]["origin"]) == (
        "eu.",
        "environment",
    )


@pytest.mark.parametrize("command", ["config", "status", "down"])
def test_an_unknown_setting_stops_a_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAUDIT_TOPIK_PREFIX", "eu.")
    assert entry.main([command]) == FAILED
    assert "did you mean PLAUDIT_TOPIC_PREFIX?" in capsys.readouterr().err
