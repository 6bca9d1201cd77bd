"""The regression guard: what fails it, its file, and a short run of what needs no servers."""

from pathlib import Path

import pytest

from benchmarks.smoke import __main__ as command
from benchmarks.smoke.in_process import pairs
from benchmarks.smoke.recorded import (
    FILE,
    Mode,
    RecordedError,
    complaints,
    hints,
    record,
    recorded_ratios,
)
from benchmarks.smoke.turns import Pair, Turn, ratio_of, take_turns

CASES = ["decode all fields", "decode as the worker", "encode", "SDK", "decode and fold", "sink"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the command reads and writes, with nothing in it yet."""
    monkeypatch.setattr(command, "FILE", tmp_path / "smoke.json")
    monkeypatch.setattr(command, "is_compiled", lambda: False)
    return tmp_path / "smoke.json"


def measured(monkeypatch: pytest.MonkeyPatch, ratio: float) -> None:
    """Let the command measure this ratio of one case."""
    turns = [Turn(bare=ratio, ours=1.0)] * 3
    monkeypatch.setattr(command, "all_turns", lambda: iter([("fold", turns)]))


@pytest.mark.parametrize(
    ("ratio", "code"),
    [(0.59, 1), (0.61, 0), (1.0, 0), (3.0, 0), (float("nan"), 1)],
    ids=["59 percent", "61 percent", "as recorded", "faster", "not a number"],
)
def test_a_ratio_below_its_share_fails(
    ratio: float, code: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(file, "plain", {"fold": 1.0})
    measured(monkeypatch, ratio)
    assert command.main([]) == code


def test_the_message_of_a_slip_has_the_figures_and_says_what_to_do(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(file, "plain", {"fold": 2.0})
    measured(monkeypatch, 1.18)
    assert command.main([]) == 1
    said = capsys.readouterr()
    assert "recorded 2.00, limit 1.20" in said.out
    assert said.err.startswith("fold: 1.18 x its bare peer is below 1.20, 60% of the recorded 2.00: ")
    assert "make bench-smoke RECORD=1" in said.err


def test_a_case_without_a_recorded_ratio_fails_and_says_what_to_do() -> None:
    (said,) = complaints({"fold": 1.0, "new": 1.0}, {"fold": 1.0}, "compiled")
    assert said.startswith(
        "no ratio is recorded for compiled modules of new: run `make bench-smoke RECORD=1`"
    )


def test_a_recorded_case_that_is_not_measured_fails_and_says_what_to_do() -> None:
    (said,) = complaints({"fold": 1.0}, {"fold": 1.0, "old": 1.0}, "plain")
    assert said.startswith("a ratio is recorded for plain Python of old, which is not measured any more: run")


@pytest.mark.usefixtures("file")
def test_without_a_file_every_case_is_unrecorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, 1.0)
    assert command.main([]) == 1
    assert "no ratio is recorded for plain Python of fold" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"plain": 3}', '{"plain": {"ratios": []}}', '{"plain": {"ratios": {"fold": "1.0"}}}',
     '{"plain": {"ratios": {"fold": 0}}}', '{"plain": {"ratios": {"fold": NaN}}}'],
    ids=["empty", "half", "a list", "a number for a way", "a list of ratios", "text", "zero", "no number"],
)  # fmt: skip
def test_a_damaged_file_is_an_error_before_anything_is_measured(
    text: str, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(command, "all_turns", lambda: pytest.fail("it measures"))
    assert command.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("smoke.json is damaged (")
    assert "restore it with git" in said
    measured(monkeypatch, 1.5)
    assert command.main(["--record"]) == 0  # as the message says
    assert recorded_ratios(file, "plain") == {"fold": 1.5}


def test_a_file_that_is_not_text_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "smoke.json").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordedError, match="is damaged"):
        recorded_ratios(tmp_path / "smoke.json", "plain")


def test_recording_keeps_the_ratios_of_the_other_way(tmp_path: Path) -> None:
    file = tmp_path / "smoke.json"
    record(file, "plain", {"fold": 0.27654})
    record(file, "compiled", {"fold": 0.35})
    record(file, "compiled", {"fold": 0.45})
    assert recorded_ratios(file, "plain") == {"fold": 0.277}
    assert recorded_ratios(file, "compiled") == {"fold": 0.45}


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_the_ratios_of_the_way_it_runs_are_compared(
    compiled: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(file, "compiled", {"fold": 2.0})
    record(file, "plain", {"fold": 1.0})
    monkeypatch.setattr(command, "is_compiled", lambda: compiled)
    measured(monkeypatch, 1.0)
    assert command.main([]) == int(compiled)


def test_recording_compiled_modules_records_plain_python_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_compiled", lambda: True)
    monkeypatch.setattr(command, "_record_plain", lambda: 7)
    measured(monkeypatch, 2.0)
    assert command.main(["--record"]) == 7
    assert recorded_ratios(file, "compiled") == {"fold": 2.0}


def test_a_case_that_became_much_faster_is_to_be_recorded() -> None:
    assert hints({"fold": 1.6}, {"fold": 1.0}) == []
    (said,) = hints({"fold": 1.7, "new": 9.0}, {"fold": 1.0})
    assert said == "much faster than recorded: fold; run `make bench-smoke RECORD=1`"


def test_the_ratio_is_the_median_of_those_of_single_turns() -> None:
    # A neighbour slowed both halves of the second turn, and one half of the third.
    assert ratio_of([Turn(2.0, 1.0), Turn(6.0, 3.0), Turn(2.0, 9.0)]) == 2


@pytest.mark.slow
def test_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    turns = take_turns(Pair("x", lambda: calls.append("bare"), lambda: calls.append("ours")), 2)
    assert len(turns) == 2
    assert calls == ["bare", "ours"] * 3


@pytest.mark.slow
def test_every_case_without_servers_runs(tmp_path: Path) -> None:
    made = pairs(tmp_path, size=200)
    assert [pair.case for pair in made] == CASES
    for pair in made:
        assert ratio_of(take_turns(pair, 1)) > 0


@pytest.mark.parametrize("mode", ["compiled", "plain"])
def test_both_ways_are_recorded_with_all_cases(mode: Mode) -> None:
    assert list(recorded_ratios(FILE, mode)) == [*CASES, "worker", "worker's Valkey"]
