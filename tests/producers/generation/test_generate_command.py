"""`plaudit generate` at the command line, before anything is asked."""

from argparse import ArgumentParser
from pathlib import Path

import pytest
from plaudit_producers import destinations
from plaudit_producers.commands import generate
from plaudit_producers.generation.journal import GenerationJournal
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path))
    Path("sky.txt").write_text("Why is the sky blue?\nWhy is it dark?\n")


def run(*words: str) -> int:
    parser = ArgumentParser()
    generate.configure(parser)
    return generate.run(parser.parse_args(["--prompts", "sky.txt", *words]))


def test_a_dry_run_needs_no_kafka_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("--dry-run", "--n", "3", "--tag", "licence=CC0") == 0
    told = capsys.readouterr().out
    assert "2 prompts, 3 answers of each model (builtin-brief@1, builtin-wordy@1)" in told
    assert "tags licence=CC0, plaudit.generated=sky" in told
    assert [path.name for path in tmp_path.iterdir()] == ["sky.txt"]


def test_a_dry_run_says_what_earlier_runs_have(capsys: pytest.CaptureFixture[str]) -> None:
    with GenerationJournal(Path("sky.generated.jsonl"), {"application": "other", "topic_prefix": ""}):
        pass
    with pytest.raises(SettingsError, match="application other, not generated"):
        run("--dry-run")
    assert run("--dry-run", "--application", "other") == 0
    assert "8 answers, of which earlier runs have 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["--tag", "licence"], "--tag takes NAME=VALUE", id="a tag without a value"),
        pytest.param(["--models", "none.yaml"], "none.yaml", id="no models file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(words: list[str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        run(*words)


def test_without_kafka_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "_ANSWER_S", 0.5)
    with pytest.raises(ServiceUnavailableError):
        run("--bootstrap-servers", "127.0.0.1:1")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'plaudit-producers\[generate\]'"):
        run("--dry-run")
