"""The rules of `plaudit datasets build`: options over settings, and what is wrong with them is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK

from tests.consumers.live_root import Root, rows_of, thumb, turn

ASPECTS = """
version: 1
applications:
  acme:
    - name: helpfulness
      kinds: [number]
      levels: [message]
      direction: higher_is_better
      minimum: 0
      maximum: 4
    - name: verbosity
      kinds: [number]
      levels: [message]
      direction: neutral
      minimum: 0
      maximum: 4
    - name: toxicity
      kinds: [number]
      levels: [message]
      direction: lower_is_better
      minimum: 0
      maximum: 4
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _number(value: float, aspect: str, **more: Any) -> dict[str, Any]:
    number = {"kind": "number", "number": value, "minimum": 0.0, "maximum": 4.0, "aspect": aspect}
    return thumb("a", None, **more) | number


def _build(root: Root, *options: str) -> Path:
    output = root.publish().folder.parent / f"snapshot-{len(list(root.folder.parent.iterdir()))}"
    assert main(["datasets", "build", "--root", str(root.folder), "--output", str(output), *options]) == OK
    return output


def _labels(snapshot: Path) -> list[bool]:
    return [row["label"] for row in rows_of(snapshot, "kto")]


def _rated(root: Root, name: str, *feedback: dict[str, Any]) -> None:
    messages = turn("q", "user", content=f"question of {name}"), turn("a", parent="q")
    root.judged(name, *messages, feedback=list(feedback))


@pytest.mark.slow
def test_aspects_and_their_directions_are_chosen_for_the_snapshot(root: Root, tmp_path: Path) -> None:
    """The same files give other rows: nothing was decided when they were written."""
    ratings = _number(4, "helpfulness"), _number(0, "verbosity"), _number(0, "toxicity")
    _rated(root, "c1", *ratings)
    declared = tmp_path / "aspects.yaml"
    declared.write_text(ASPECTS)
    assert _labels(_build(root)) == []
    assert _labels(_build(root, "--aspects", "*")) == [False]
    snapshot = _build(root, "--aspects-file", str(declared))
    assert _labels(snapshot) == [True]
    manifest = read_manifest(snapshot)
    assert [each["name"] for each in manifest.aspects["acme"]] == ["helpfulness", "verbosity", "toxicity"]
    assert "toxicity (lower is better)" in (snapshot / "README.md").read_text()
    only = _build(root, "--aspects", "helpfulness")
    assert _labels(only) == [True]
    assert read_manifest(only).rules["training_aspects"] == "helpfulness"


def test_the_declared_aspects_may_come_from_the_environment(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rated(root, "c1", _number(0, "toxicity"))
    (tmp_path / "aspects.yaml").write_text(ASPECTS)
    monkeypatch.setenv("PLAUDIT_ASPECTS", str(tmp_path / "aspects.yaml"))
    assert _labels(_build(root)) == [True]


@pytest.mark.slow
def test_raters_are_chosen_for_the_snapshot(root: Root) -> None:
    judge = {"id": "judge", "kind": "model", "version": "1"}
    _rated(root, "c1", thumb("a", True), thumb("a", True, rater="s"), thumb("a", False) | {"rater": judge})
    assert _labels(_build(root)) == [True]
    assert _labels(_build(root, "--raters", "model")) == [False]
    everybody = ("--raters", "user,reviewer,model")
    assert _labels(_build(root, *everybody, "--min-raters", "3")) == [True]
    assert _labels(_build(root, *everybody, "--min-raters", "4")) == []
    assert _labels(_build(root, *everybody, "--min-agreement", "0.7")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "labels"),
    [
        pytest.param([], [True, None, False], id="defaults"),
        pytest.param(["--kto-threshold", "0.5"], [True, True, False], id="one number"),
        pytest.param(["--kto-threshold", "0.9/0.5"], [None, False, False], id="good and bad"),
        pytest.param(["--kto-threshold", "0.75/0.25"], [True, None, False], id="at both ends"),
    ],
)
def test_thresholds_are_chosen_for_the_snapshot(
    root: Root, options: list[str], labels: list[bool | None]
) -> None:
    for number, score in enumerate((3, 2, 1)):
        _rated(root, f"c{number}", _number(score, "satisfaction"))
    found = {row["conversation_id"]: row["label"] for row in rows_of(_build(root, *options), "kto")}
    assert [found.get(f"c{number}") for number in range(3)] == labels


@pytest.mark.slow
def test_settings_are_the_defaults_and_options_win(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    _rated(root, "c1", _number(3, "satisfaction"))
    monkeypatch.setenv("PLAUDIT_SFT_MIN_SCORE", "0.9")
    monkeypatch.setenv("PLAUDIT_MIN_RATERS", "1")
    assert rows_of(_build(root), "sft") == []
    snapshot = _build(root, "--sft-threshold", "0.7", "--near-tie", "0.8")
    assert len(rows_of(snapshot, "sft")) == 1
    rules = read_manifest(snapshot).rules
    assert (rules["sft_min_score"], rules["near_tie"], rules["min_raters"]) == (0.7, 0.8, 1)


@pytest.mark.slow
def test_consent_and_unrated_answers_are_chosen_for_the_snapshot(root: Root) -> None:
    root.sft("c1", "one", "yes", consent="unspecified")
    root.judged("c2", turn("q", "user"), turn("a", parent="q"))
    assert rows_of(_build(root), "sft") == []
    assert [row["conversation_id"] for row in rows_of(_build(root, "--consent", "opt-out"), "sft")] == ["c1"]
    unrated = _build(root, "--unrated-sft")
    (row,) = rows_of(unrated, "sft")
    assert (row["conversation_id"], row["origin"], row["votes"]) == ("c2", "demonstration", 0)
    assert read_manifest(unrated).accounts["demonstrations"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "prompts", "alternating"),
    [
        pytest.param("keep", [["hi", "again", "and?"], ["plain"]], [False, True], id="kept and marked"),
        pytest.param("merge", [["hi\n\nagain\n\nand?"], ["plain"]], [True, True], id="merged"),
        pytest.param("drop", [["plain"]], [True], id="left out"),
    ],
)
def test_rows_whose_roles_do_not_alternate(
    root: Root, how: str, prompts: list[list[str]], alternating: list[bool]
) -> None:
    messages = [
        turn("q1", "user", content="hi"),
        turn("q2", "user", "q1", content="again"),
        turn("q3", "user", "q2", content="and?"),
        turn("a", parent="q3"),
    ]
    root.judged("c1", *messages, feedback=[thumb("a", True)])
    root.sft("c2", "plain", "yes")
    rows = rows_of(_build(root, "--alternating", how), "sft")
    assert [[message["content"] for message in row["prompt"]] for row in rows] == prompts
    assert [row["alternating"] for row in rows] == alternating


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["--raters", "user,reviwer"], "--raters: reviwer is no kind of rater", id="a misspelt rater"
        ),
        pytest.param(["--raters", ""], "--raters: name at least one kind of rater", id="no raters"),
        pytest.param(["--kto-threshold", "high"], "is not like 0.6/0.4", id="a threshold in words"),
        pytest.param(["--kto-threshold", "1/2/3"], "is not like 0.6/0.4", id="three thresholds"),
        pytest.param(
            ["--kto-threshold", "0.4/0.6"], "--kto-threshold: ", id="thresholds the wrong way round"
        ),
        pytest.param(["--kto-threshold", "7"], "--kto-threshold: ", id="a threshold above one"),
        pytest.param(["--sft-threshold", "nan"], "--sft-threshold: ", id="no number"),
        pytest.param(["--min-raters", "0"], "--min-raters: ", id="no rater at all"),
        pytest.param(["--near-tie", "-1"], "--near-tie: ", id="a near tie below zero"),
        pytest.param(["--max-prompt-bytes", "0"], "--max-prompt-bytes: ", id="no prompt at all"),
        pytest.param(["--max-per-user", "0"], "--max-per-user must be at least 1", id="no row of a user"),
        pytest.param(["--max-per-model", "-1"], "--max-per-model must be", id="fewer than no rows"),
        pytest.param(["--aspects-file", "nowhere.yaml"], "cannot be read", id="no such file of aspects"),
    ],
)
def test_wrong_rules_are_one_line(
    root: Root, tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root.sft("c1", "one", "yes")
    command = ["datasets", "build", "--root", str(root.publish().folder), "--output", str(tmp_path / "out")]
    assert main([*command, *options]) == FAILED
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_misspelt_aspect_is_refused_where_aspects_are_declared(
    root: Root, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.sft("c1", "one", "yes")
    (tmp_path / "aspects.yaml").write_text(ASPECTS)
    options = ["--aspects-file", str(tmp_path / "aspects.yaml"), "--aspects", "helpfullness"]
    command = ["datasets", "build", "--root", str(root.publish().folder), "--output", str(tmp_path / "out")]
    assert main([*command, *options]) == FAILED
    assert "--aspects names 'helpfullness', which no application declares; did you mean helpfulness?" in (
        capsys.readouterr().err
    )


def test_a_wrong_setting_is_named(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root.sft("c1", "one", "yes")
    monkeypatch.setenv("PLAUDIT_TRAINING_RATERS", "usr")
    command = ["datasets", "build", "--root", str(root.publish().folder), "--output", str(tmp_path / "out")]
    assert main(command) == FAILED
    assert "PLAUDIT_TRAINING_RATERS: usr is no kind of rater" in capsys.readouterr().err


def test_the_manifest_on_the_terminal_has_the_rules(root: Root, capsys: pytest.CaptureFixture[str]) -> None:
    root.sft("c1", "one", "yes")
    _build(root, "--json", "--max-per-prompt", "3")
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["caps"]) == (2, {"prompt": 3})
    assert document["rules"]["alternating"] == "keep"
