"""What `plaudit datasets build` says after a build, and that the root is named alike everywhere."""

import json
import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from plaudit_consumers.commands import datasets, sink
from plaudit_consumers.commands.dataset_options import known_root
from plaudit_consumers.datasets import waiting
from plaudit_consumers.datasets.notes import waiting_note
from plaudit_consumers.datasets.waiting import records_after, waiting_records
from plaudit_consumers.sink.loop.run import open_output
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_infra.commands import audit
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from tests.consumers.live_root import Root, thumb, turn


def _build(root: Path, output: Path, *words: str) -> list[str]:
    return ["datasets", "build", "--root", str(root), "--output", str(output), *words]


def test_an_empty_root_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root" / ".plaudit").mkdir(parents=True)
    assert main(_build(tmp_path / "root", tmp_path / "snap")) == OK
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("note: the root has no conversations yet")
    assert "15 minutes" in second
    assert "`plaudit sink --once`" in second


def test_what_is_empty_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Root(tmp_path / "root")
    root.add("c1")
    root.publish()
    command = _build(root.folder, tmp_path / "snap", "--as-of", "2030-01-01", "--json")
    assert main(command) == OK
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rows"]["kto"] == {}
    notes = printed.err.splitlines()
    assert any(line.startswith("note: kto has no rows") and "were rated" in line for line in notes)
    assert not any("_tools" in line for line in notes)
    assert any("no rows in conversations/" in line and "--split" in line for line in notes)
    assert not any("minutes" in line for line in notes)  # the root of that time is complete
    assert main(_build(root.folder, tmp_path / "tools", "--subset", "sft_tools")) == OK
    assert "note: sft_tools has no rows" in capsys.readouterr().err


@pytest.mark.slow
def test_aspects_that_no_judgement_has_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Root(tmp_path / "root")
    root.sft("c1", "question", "answer")
    command = _build(root.publish().folder, tmp_path / "snap", "--aspects", "satisfactoin")
    assert main(command) == OK
    assert "aspects satisfactoin spelt" in capsys.readouterr().err
    assert main([*_build(root.folder, tmp_path / "right"), "--aspects", "satisfaction"]) == OK
    assert "spelt" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param([], "1 judgements do not count, because their raters are none", id="rater"),
        pytest.param(["--aspects", "style"], "their aspects are none of style;", id="aspect"),
        pytest.param(["--aspects-file", "aspects.yaml"], "nobody declares their aspects", id="declared"),
        pytest.param([], "2 judgements do not count, because their conversations", id="no consent"),
    ],
)
def test_judgements_that_an_option_leaves_out_are_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("aspects.yaml").write_text("version: 1\napplications:\n  acme: []\n")
    root = Root(tmp_path / "root")
    judge = {"id": "judge", "kind": "model", "version": "1"}
    messages = turn("q", "user"), turn("a", parent="q")
    root.judged(
        "c1", *messages, feedback=[thumb("a", True) | {"rater": judge}, thumb("a", False, aspect="x")]
    )
    unasked = [thumb("a", True), thumb("a", False, rater="other")]
    root.judged("c2", *messages, feedback=unasked, consent="unspecified")
    root.publish()
    assert main(_build(root.folder, tmp_path / "snap", *options)) == OK
    assert told in capsys.readouterr().err
    everything = "--raters", "user,reviewer,model", "--consent", "opt-out"
    assert main(_build(root.folder, tmp_path / "all", *everything)) == OK
    assert "do not count" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("waiting_", "expected"), [(0, None), (37, "37 finished"), (None, "may not be in the root yet")],
    ids=["nothing", "some", "unknown"],
)  # fmt: skip
def test_what_waits_is_said(waiting_: int | None, expected: str | None) -> None:
    note = waiting_note(waiting_, 15, "s3://lake/chats")
    assert (note is None) == (expected is None)
    assert (expected or "") in (note or "")


def test_records_after_a_position_are_counted() -> None:
    ends = {0: (0, 10), 1: (50, 60), 2: (0, 5), 3: (7, 7)}
    assert records_after(ends, {0: 4, 1: 20, 2: 9}) == 6 + 10


def test_kafka_is_not_asked_where_no_setting_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PLAUDIT_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path))
    monkeypatch.setattr(waiting, "_count", lambda *_: pytest.fail("Kafka was asked"))
    assert waiting_records("root", {}) is None


@pytest.mark.slow
@pytest.mark.parametrize("way", ["it is away", "it never answers", "a wrong setting"])
def test_a_kafka_that_does_not_tell_fails_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(waiting, "_PATIENCE_S", 0.01 if way == "it never answers" else 1.0)
    if way == "a wrong setting":
        monkeypatch.setenv("PLAUDIT_KAFKA_OPTIONS", '{"frob": 1}')
    root = Root(tmp_path / "root")
    root.sft("c", "q", "a")
    assert main(_build(root.publish().folder, tmp_path / "snap")) == OK
    assert "may not be in the root yet" in capsys.readouterr().err


@pytest.mark.parametrize("command", [sink.COMMAND, audit.COMMAND], ids=["of the sink", "of the audit"])
@pytest.mark.parametrize("flag", ["--root", "--output"])
def test_the_root_is_a_flag_of_those_who_write_and_check_it(command: Command, flag: str) -> None:
    parser = ArgumentParser()
    command.configure(parser)
    assert load(SinkSettings, parser.parse_args([flag, "there"])).output == "there"
    told = " ".join(parser.format_help().split())
    assert re.search(r"--root VALUE, --output VALUE .*\[PLAUDIT_OUTPUT\]", told)


@pytest.mark.parametrize(
    "words", ["build --output x", "show x", "diff x y", "tag x y", "list", "log", "push x hf://a/b"]
)  # fmt: skip
def test_the_root_is_the_same_flag_for_snapshots(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = ArgumentParser()
    datasets.COMMAND.configure(parser)
    assert known_root(parser.parse_args([*words.split(), "--root", "there"])) == "there"
    monkeypatch.setenv("PLAUDIT_OUTPUT", "elsewhere")
    assert known_root(parser.parse_args(words.split())) == "elsewhere"


def test_a_missing_root_is_named_by_the_same_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match="--root"):
        open_output(SinkSettings())
    assert main(["datasets", "list"]) == FAILED
    assert "--root" in capsys.readouterr().err
