"""`plaudit train scorer`: from a snapshot to a model's folder, and what it refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plaudit_consumers.commands import train_scorer as command
from plaudit_consumers.training import model_folder
from plaudit_consumers.training.encoders.encoder import open_encoder
from plaudit_consumers.training.errors import TooFewRowsError, TrainingError
from plaudit_consumers.training.train import TrainingPlan, train_scorer
from plaudit_infra.main import main
from plaudit_schemas.models.inputs import Turn
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.model import open_model

from tests.consumers.live_root import Root, thumb, turn
from tests.consumers.training.tiny import compared_chats, rated_chats, write_encoder

Run = Callable[..., tuple[int, str, str]]
_SHARES = (65, 5, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder, and with a snapshot of chats that were rated or compared by taste."""
    made = tmp_path_factory.mktemp("training")
    write_encoder(made / "encoder")
    root = compared_chats(rated_chats(Root(made / "live"), 300), 300)
    root.built(shares=_SHARES)
    return made


@pytest.fixture
def run(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Train into `tmp_path / "model"`: exit code, output, errors."""

    def train(
        *words: object, snapshot: Path = folder / "snapshot", output: str = "model"
    ) -> tuple[int, str, str]:
        fixed = ("--snapshot", snapshot, "--encoder", folder / "encoder", "--output", tmp_path / output)
        code = main(["train", "scorer", *map(str, (*fixed, *words))])
        said = capsys.readouterr()
        return code, said.out, said.err

    return train


def _contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


@pytest.mark.slow
@pytest.mark.parametrize("subset", ["preference", "kto"])
def test_a_scorer_knows_the_taste_of_its_people(run: Run, tmp_path: Path, subset: str) -> None:
    code, out, err = run("--subset", subset)
    assert (code, err) == (0, "")
    assert "Better than chance" in out
    assert "better than the length alone" in out
    assert "next: plaudit models publish" in out
    model = open_model(tmp_path / "model")
    said = model.score(
        [
            model.input_of([Turn("user", "anything?"), Turn("assistant", text)])
            for text in ("thanks please thanks here", "apples grow here there", "rude sorry rude here")
        ]
    )
    model.close()
    good, middle, bad = (score.number for score in said)
    assert good > 0.7
    assert good > middle > bad
    assert bad < 0.3
    manifest, _ = read_manifest(tmp_path / "model")
    assert (manifest.aspect, manifest.input, manifest.encoder) == ("satisfaction", "exchange", "words 1")
    assert manifest.trained_on is not None
    assert (manifest.trained_on.snapshot, manifest.trained_on.subset) == ("snapshot", subset)
    assert manifest.figures is not None
    assert manifest.figures.better_than_chance
    assert manifest.figures.rows > 50


@pytest.mark.slow
def test_the_same_rows_and_options_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for name in ("one", "other"):
        assert run("--subset", "kto", output=name)[0] == 0
    assert _contents(tmp_path / "one") == _contents(tmp_path / "other")
    assert run("--subset", "kto", "--seed", 1, output="third")[0] == 0
    versions = {read_manifest(tmp_path / name)[0].version for name in ("one", "other", "third")}
    assert len(versions) == 2


@pytest.mark.slow
def test_shuffled_labels_are_no_better_than_chance_and_refused(run: Run, tmp_path: Path) -> None:
    for subset in ("preference", "kto"):
        code, out, err = run("--subset", subset, "--shuffle-labels", output=subset)
        assert code == 1
        assert "NOT better than chance" in out
        assert "DEALT BY CHANCE" in out
        assert "next:" not in out
        assert "is not better than chance" in err
        manifest, _ = read_manifest(tmp_path / subset)
        assert manifest.figures is not None
        assert not manifest.figures.better_than_chance
        assert "NOT better than chance" in (tmp_path / subset / "README.md").read_text()
    assert run("--subset", "kto", "--shuffle-labels", "--force", output="forced")[0] == 0


def test_the_card_and_its_plots(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(
        "--subset", "kto", "--name", "polite", "--version", "7", "--licence", "CC0-1.0", "--json"
    )
    found = json.loads(out)
    assert (code, found["name"], found["version"], found["better_than_chance"]) == (0, "polite", "7", True)
    assert found["figures"]["auc"]["low"] > found["baselines"]["length"]["auc"]["high"]
    model = tmp_path / "model"
    card = (model / "README.md").read_text()
    assert card.startswith("# polite 7\n")
    auc = found["figures"]["auc"]
    assert f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})" in card
    assert "CC0-1.0" in card
    assert "$" not in card
    for picture in ("learning-curve.png", "reliability.png"):
        assert f"({picture})" in card
        assert (model / picture).read_bytes().startswith(b"\x89PNG")
    assert main(["models", "check", str(model)]) == 0


@pytest.mark.slow
def test_no_text_of_a_chat_leaves_the_snapshot(folder: Path, run: Run, tmp_path: Path) -> None:
    assert run("--subset", "kto")[0] == 0
    for name, data in _contents(tmp_path / "model").items():
        assert b"question 1" not in data, name


@pytest.mark.slow
def test_an_answer_alone_and_an_aspect(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--subset", "kto", "--input", "answer", "--aspect", "satisfaction")
    manifest, _ = read_manifest(tmp_path / "model")
    assert (code, err, manifest.input, manifest.aspect) == (0, "", "answer", "satisfaction")
    code, _, err = run("--subset", "kto", "--aspect", "taste", output="other")
    assert (code, "no row is about the aspect taste; the snapshot's rows are about satisfaction" in err) == (
        1,
        True,
    )


@pytest.mark.slow
def test_several_aspects_are_said(folder: Path, run: Run, tmp_path: Path) -> None:
    root = rated_chats(Root(tmp_path / "live"), 150)
    for number, row in enumerate(root.waiting["conversations"]):
        row["feedback"][0]["aspect"] = "accuracy" if number % 3 else "satisfaction"
    code, _, err = run("--subset", "kto", snapshot=root.built(shares=_SHARES))
    assert code == 0
    assert "about several aspects" in err
    assert read_manifest(tmp_path / "model")[0].aspect == "accuracy"


@pytest.mark.slow
def test_scores_as_labels_are_said(run: Run, tmp_path: Path) -> None:
    """They are labels only if whoever built the snapshot asked for it."""
    root = rated_chats(Root(tmp_path / "live"), 150)
    for row in root.waiting["conversations"]:
        row["feedback"][0]["rater"]["kind"] = "model"
    from plaudit_consumers.rows.settings import RowRules

    code, _, err = run("--subset", "kto", snapshot=root.built("usual", shares=_SHARES))
    assert (code, "has no rows of the subset kto" in err) == (1, True)
    rules = RowRules(training_raters="user,model")
    code, _, err = run("--subset", "kto", snapshot=root.built("asked", shares=_SHARES, rules=rules))
    assert (code, "learned from scores too" in err) == (0, True)
    assert "of model, user" in (tmp_path / "model" / "README.md").read_text()


def test_an_output_that_exists_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("mine")
    code, _, err = run("--subset", "kto")
    assert (code, "exists; a model is never overwritten" in err) == (1, True)
    assert _contents(tmp_path / "model") == {"mine": b"mine"}


def test_a_place_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = run("--subset", "kto", output="file/model")
    assert (code, "the model cannot be written to" in err, err.count("\n")) == (1, True, 1)


@pytest.mark.slow
def test_a_failure_leaves_nothing_behind(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folder, "write_plots", fail)
    code, _, err = run("--subset", "kto")
    assert (code, "disk" in err or "space" in err) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--subset", "kto_tools"), "has no rows of the subset kto_tools; it has rows of preference, kto"),
        (("--subset", "kto", "--encoder", "stattic"), "--encoder stattic is no folder"),
        (("--subset", "kto", "--encoder", "."), "is no encoder"),
        (("--subset", "kto", "--name", "a b"), "--name 'a b' cannot be used"),
        (("--subset", "kto", "--version", ""), "--version '' cannot be used"),
        (("--subset", "kto", "--aspect", " "), "--aspect is empty"),
        (("--subset", "kto", "--licence", ""), "--licence is empty"),
        (("--subset", "kto", "--seed", "-1"), "--seed must be 0 or more"),
        (("--subset", "kto", "--snapshot", "nowhere"), "nowhere is not a folder"),
    ],
    ids=[
        "no_such_rows", "unknown_encoder", "no_encoder", "bad_name", "empty_version", "empty_aspect",
        "empty_licence", "bad_seed", "no_snapshot",
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert text in err
    assert err.count("\n") == 1
    assert not (tmp_path / "model").exists()


def test_an_unknown_subset_is_wrong_usage(run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--subset", "sft")
    assert ended.value.code == 2


@pytest.mark.parametrize("module", ["matplotlib", "safetensors"])
def test_without_the_extra_it_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == module else name)
    code, _, err = run("--subset", "kto")
    assert (code, "pip install 'plaudit-infra[score,train]'" in err) == (1, True)


def _plan(root: Root, shares: tuple[float, float, float] = _SHARES) -> TrainingPlan:
    output = root.folder.parent / "model"
    return TrainingPlan(snapshot=root.built(shares=shares), subset="kto", output=output, name="scorer")


def _alike(root: Root, count: int, *, question: str, like: bool = True) -> Root:
    for number in range(count):
        messages = (
            turn("q", "user", content=question.format(number)),
            turn("a", parent="q", content=f"thanks {number}"),
        )
        root.judged(f"c{number}", *messages, user="u", feedback=[thumb("a", like)])
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "shares", "text"),
    [
        (lambda root: rated_chats(root, 20), _SHARES, "split train has"),
        (lambda root: rated_chats(root, 120), (100, 0, 0), "split test has 0 usable rows"),
        (lambda root: _alike(root, 60, question="q{}"), (100, 0, 0), "0 disliked answers among 60"),
        (lambda root: _alike(root, 60, question="q"), (100, 0, 0), "chats with 1 different first questions"),
        (
            lambda root: rated_chats(_alike(root, 60, question="q{}", like=False), 30),
            (100, 0, 0),
            "split test has",
        ),
    ],
    ids=["few_to_learn_from", "none_to_judge_by", "one_label", "one_question", "both_labels_but_no_test"],
)
def test_too_few_rows(
    tmp_path: Path, made: Callable[[Root], Root], shares: tuple[float, float, float], text: str
) -> None:
    plan = _plan(made(Root(tmp_path / "live")), shares)
    with pytest.raises(TooFewRowsError, match=text):
        # Whoever has too few rows does not first wait for an encoder that is fetched and built.
        train_scorer(plan, lambda: pytest.fail("the encoder was opened"))
    assert not plan.output.exists()


@pytest.mark.slow
def test_an_encoder_whose_parts_do_not_belong_together(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = open_encoder(folder / "encoder")
    vectors = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda texts: vectors(texts)[:, ::-1].copy())
    plan = TrainingPlan(folder / "snapshot", "kto", tmp_path / "model", "scorer")
    with pytest.raises(TrainingError, match="build the encoder again"):
        train_scorer(plan, lambda: encoder)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_gives_no_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = open_encoder(folder / "encoder")
    vectors = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda texts: np.full_like(vectors(texts), np.nan))
    plan = TrainingPlan(folder / "snapshot", "kto", tmp_path / "model", "scorer")
    with pytest.raises(TrainingError, match=r"words gives no numbers for \d+ of \d+ texts"):
        train_scorer(plan, lambda: encoder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_snapshot_that_was_copied_gives_the_same_model(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "snapshot", tmp_path / "elsewhere" / "snapshot")
    encoder = open_encoder(folder / "encoder")
    for number, snapshot in enumerate((folder / "snapshot", tmp_path / "elsewhere" / "snapshot")):
        train_scorer(TrainingPlan(snapshot, "preference", tmp_path / str(number), "scorer"), lambda: encoder)
    assert _contents(tmp_path / "0") == _contents(tmp_path / "1")
