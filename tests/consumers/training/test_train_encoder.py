"""`plaudit train encoder`: its options, and what it says."""

from pathlib import Path

import pytest
from plaudit_consumers.commands import train_encoder
from plaudit_consumers.training.encoders import cached, source
from plaudit_consumers.training.encoders.encoder import open_encoder
from plaudit_infra.main import main

from tests.support.tiny_berts import write_bert


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    write_bert(tmp_path / "My Bert")
    return tmp_path / "My Bert"


@pytest.fixture
def minilm(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model in MiniLM's place."""
    monkeypatch.setattr(cached, "minilm_files", lambda *_: bert)
    monkeypatch.setattr(source, "minilm_files", lambda *_: bert)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def encoder(*words: object) -> int:
    return main(["train", "encoder", *map(str, words)])


def test_own_files_become_an_encoder(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "made"
    words = ("--from", bert, "--output", output, "--language", "de", "--language", "fr", "--licence", "MIT")
    assert encoder(*words) == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        f"{output}: my-bert-static 1",
        "  vectors    8 numbers",
        "  tokens     at most 2048 of a text, its last ones",
        "  languages  de, fr",
        "  licence    MIT",
    ]
    manifest = open_encoder(output).manifest
    assert (manifest.made_from, manifest.languages) == ("My Bert", ("de", "fr"))


def test_int8_is_said_to_run_alone(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--kind", "transformer", "--precision", "int8", "--from", bert, "--output", tmp_path / "made")
    assert encoder(*words, "--name", "german", "--version", "2") == 0
    printed = capsys.readouterr()
    assert "german 2" in printed.out
    assert "languages  not stated" in printed.out
    assert "one at a time" in printed.err


@pytest.mark.usefixtures("minilm")
def test_plaudits_own_are_kept_in_the_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert encoder() == 0
    place = tmp_path / "cache" / "plaudit" / "encoders" / "minilm-l6-static-1"
    assert capsys.readouterr().out.startswith(f"{place}: minilm-l6-static 1")
    assert encoder("--output", tmp_path / "copy") == 0
    assert open_encoder(tmp_path / "copy").manifest == open_encoder(place).manifest


@pytest.mark.usefixtures("minilm")
def test_a_corpus_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corpus.txt").write_bytes(b"cat\n" * 500 + b"\xff dog\n")
    words = ("--corpus", tmp_path / "corpus.txt", "--dimensions", 4, "--output", tmp_path / "made")
    assert encoder(*words) == 0
    assert "minilm-l6-static 1\n  vectors    4 numbers" in capsys.readouterr().out
    both, dog = open_encoder(tmp_path / "made").embed(["cat dog", "dog"])
    assert both @ dog > 0.99


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["--name", "x"], "--name needs --from", id="name"),
        pytest.param(["--language", "de"], "--language needs --from", id="language"),
        pytest.param(["--precision", "fp16"], "--precision is of transformers", id="precision"),
        pytest.param(
            ["--kind", "transformer", "--dimensions", "8"], "--dimensions is of static", id="dimensions"
        ),
        pytest.param(["--kind", "transformer", "--corpus", "x"], "--corpus is of static", id="corpus"),
        pytest.param(["--dimensions", "8"], "--output DIR is missing", id="no-output"),
        pytest.param(["--from", "{tmp}"], "--output DIR is missing", id="from-without-output"),
        pytest.param(["--from", "{tmp}/none", "--output", "{tmp}/o"], "none is no folder", id="no-source"),
        pytest.param(["--output", "{tmp}"], "exists; choose another folder", id="output-exists"),
        pytest.param(
            ["--corpus", "{tmp}/none", "--output", "{tmp}/o"], "none cannot be read", id="no-corpus"
        ),
        pytest.param(["--from", "{tmp}", "--output", "{tmp}/o"], "no tokenizer", id="empty-source"),
        pytest.param(
            ["--from", "{tmp}/My Bert", "--output", "{tmp}/o", "--name", "Ä"],
            "name: must match",
            id="bad-name",
        ),
    ],
)
@pytest.mark.usefixtures("minilm")
def test_a_wrong_option_is_named(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert encoder(*(word.format(tmp=tmp_path) for word in words)) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_dimensions_are_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        encoder("--dimensions", "0")
    assert "'0' is not a positive number" in capsys.readouterr().err


def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train_encoder, "find_spec", lambda _: None)
    assert encoder() == 1
    assert "needs safetensors: pip install 'plaudit-infra[score,train]'" in capsys.readouterr().err
