"""`plaudit datasets` as a person runs it: build, diff, show."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.difference import compare_snapshots
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import MANIFEST, read_manifest
from plaudit_consumers.datasets.plan import SnapshotPlan, moment_of, shares_of
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.errors import SettingsError

from tests.consumers.live_root import Root, bytes_of, rows_of


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(tmp_path / "live")
    for number in range(20):
        root.sft(f"c{number}", f"question {number}", f"answer {number}", minute=number)
    return root.publish()


def _snapshot(root: Root, name: str, **options: Any) -> Path:
    output = root.folder.parent / name
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=output, **options))
    return output


def test_build_show_and_diff(root: Root, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "deep" / "second")
    common = ["datasets", "build", "--root", str(root.folder), "--split", "80/20"]
    assert main([*common, "--as-of", "2026-11-20T12:10:00+00:00", "--output", first]) == OK
    built = capsys.readouterr().out
    assert "as of 2026-11-20T12:10:00Z" in built
    assert "judgements        in rows 11\n" in built
    assert main([*common, "--output", second, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["rows"]["sft"].keys() == {"train", "validation"}
    assert main(["datasets", "diff", first, second]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["conversations", "11", "9", "0", "0", "0"]
    assert any('added: {"application": "acme", "conversation_id": "c11"' in line for line in lines)
    assert main(["datasets", "show", first, "--samples", "3", "--verify"]) == OK
    shown = capsys.readouterr().out
    assert "question 3" in shown or "question 2" in shown
    assert "cc-by-4.0: 11" in shown
    assert "judgements: in rows 11\n" in shown
    assert main(["datasets", "show", first, "--json"]) == OK
    assert capsys.readouterr().out == (tmp_path / "first" / MANIFEST).read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--as-of", "yesterday"], "is not a time", id="no time"),
        pytest.param(["--split", "90/5/5/5"], "is not like 90/5/5", id="four shares"),
        pytest.param(["--split", "a/b"], "is not like 90/5/5", id="shares in words"),
        pytest.param(["--split", "0/0/0"], "share of 0", id="shares of zero"),
        pytest.param(["--subset", "frob"], "is not one of conversations, sft", id="unknown subset"),
        pytest.param(
            ["--min-agreement", "2"], "--min-agreement: Input should be less", id="agreement above one"
        ),
        pytest.param(["--memory-mb", "1"], "at least", id="too little memory"),
        pytest.param(["--threads", "0"], "at least 1", id="no threads"),
        pytest.param(["--where", "random() > 0"], "random", id="a random condition"),
        pytest.param(["--output", "."], "exists", id="an output that exists"),
    ],
)
def test_wrong_options_are_one_line(
    root: Root, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["datasets", "build", "--root", str(root.folder), "--output", str(tmp_path / "out")]
    assert main([*command, *arguments]) == FAILED
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_conditions_that_the_help_names_work(
    root: Root, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["datasets", "build", "--help"])
    said_ = re.sub(r"\s+", " ", capsys.readouterr().out)
    conditions = re.findall(r'"([^"]+ (?:=|>=) [^"]+)"', said_)
    assert len(conditions) == 3
    for number, where in enumerate(conditions):
        of_training = ["--subset", "sft"] if "vote_weight" in where else []
        words = ["--root", str(root.folder), "--output", str(tmp_path / str(number)), "--where", where]
        assert main(["datasets", "build", *words, *of_training]) == OK
        assert sum(read_manifest(tmp_path / str(number)).rows["sft"].values()) == 20


@pytest.mark.slow
def test_the_root_is_where_the_sink_is_told_to_write(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "build", "--output", str(tmp_path / "none")]) == FAILED
    assert "--root or PLAUDIT_OUTPUT is missing" in capsys.readouterr().err
    monkeypatch.setenv("PLAUDIT_OUTPUT", str(root.folder))
    assert main(["datasets", "build", "--output", str(tmp_path / "out")]) == OK


def test_times_and_shares_are_read() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert moment_of("2026-11-21T12:00:00") == moment_of("2026-11-21T14:00:00+02:00") == noon
    assert moment_of("2026-11-21") == datetime(2026, 11, 21, tzinfo=UTC)
    assert shares_of("80/20") == (80, 20, 0)
    assert shares_of("98.5/1/0.5") == (98.5, 1, 0.5)
    with pytest.raises(SettingsError):
        shares_of("-1/2/3")
    assert SnapshotPlan(Path(), shares=(98.5, 1, 0.5)).bounds() == (985_000, 995_000)


@pytest.mark.slow
def test_a_difference_counts_what_a_reader_of_the_rows_sees(root: Root) -> None:
    first = _snapshot(root, "first")
    root.add("c0", minute=100, revision=2)  # the row is gone
    root.sft("c1", "question 1", "better", minute=100, revision=2)
    root.sft("c2", "question 2", "answer 2", minute=100, revision=2)  # the same again
    root.sft("c3", "question 3", "answer 3", like=False, minute=100, revision=2)
    root.sft("c30", "question 30", "new", minute=100)
    found = compare_snapshots(first, _snapshot(root, "second"))
    sft = found["sft"]
    assert (sft.same, sft.added, sft.removed, sft.changed, sft.moved) == (17, 1, 2, 1, 0)
    assert sft.examples["changed"][0]["conversation_id"] == "c1"
    assert [each["conversation_id"] for each in sft.examples["removed"]] == ["c0", "c3"]
    assert found["conversations"].added == 1
    kto = found["kto"]
    assert (kto.same, kto.added, kto.removed, kto.changed, kto.moved) == (17, 1, 1, 2, 0)


@pytest.mark.slow
def test_another_salt_moves_rows(root: Root) -> None:
    found = compare_snapshots(
        _snapshot(root, "a", shares=(1, 1, 1)), _snapshot(root, "b", shares=(1, 1, 1), salt="x")
    )
    assert found["sft"].moved > 5
    assert found["sft"].moved + found["sft"].same == 20
    assert found["sft"].changed == 0


@pytest.mark.slow
def test_a_snapshot_is_no_different_from_itself(root: Root) -> None:
    snapshot = _snapshot(root, "a")
    assert {
        (each.same, each.added, each.changed) for each in compare_snapshots(snapshot, snapshot).values()
    } == {
        (20, 0, 0),
        (0, 0, 0),
    }
    assert bytes_of(_snapshot(root, "b")) == bytes_of(snapshot)


@pytest.mark.slow
def test_one_empty_side_is_all_added_or_removed(root: Root, tmp_path: Path) -> None:
    full, empty = _snapshot(root, "full"), _snapshot(root, "empty", where="false")
    assert compare_snapshots(empty, full)["sft"].added == compare_snapshots(full, empty)["sft"].removed == 20


@pytest.mark.slow
def test_folders_that_are_no_snapshots_are_said(
    root: Root, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = _snapshot(root, "a")
    with pytest.raises(SnapshotError, match="is not a snapshot"):
        compare_snapshots(snapshot, tmp_path)
    other = _snapshot(root, "b")
    (other / MANIFEST).write_text(read_manifest(other).text().replace('"schema": "v1"', '"schema": "v9"'))
    with pytest.raises(SnapshotError, match="schema v1"):
        compare_snapshots(snapshot, other)
    next((snapshot / "sft").iterdir()).write_bytes(b"PAR1")
    with pytest.raises(SnapshotError, match="cannot be compared"):
        compare_snapshots(snapshot, _snapshot(root, "c", salt="x"))
    assert main(["datasets", "show", str(snapshot), "--verify"]) == FAILED
    assert "was changed" in capsys.readouterr().err


def test_a_terminal_is_not_steered_by_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Root(tmp_path / "live")
    root.sft("c1", "\x1b[31mred [bold]x[/bold]\nline", "y" * 1000)
    assert main(["datasets", "show", str(_snapshot(root, "a"))]) == OK
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "[bold]x[/bold]" in shown
    assert rows_of(tmp_path / "a", "sft")[0]["prompt"][0]["content"].startswith("\x1b")
