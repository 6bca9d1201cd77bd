"""`plaudit models export` before PyTorch: its options, labels and limits. `make trainers` does the rest."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_consumers.training import exporting
from plaudit_consumers.training.errors import ExportError
from plaudit_consumers.training.original_model import label_of, max_tokens_of_original
from plaudit_infra.main import main


def export(*words: object) -> int:
    return main(["models", "export", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["{tmp}/none", "{tmp}/o"], "none is no folder", id="no-source"),
        pytest.param(["{tmp}", "{tmp}"], "exists; choose", id="output-exists"),
        pytest.param(["{tmp}", "{tmp}/o", "--max-tokens", "0"], "must be at least 1", id="tokens"),
        pytest.param(["{tmp}", "{tmp}/o", "--texts", "{tmp}/none"], "none cannot be read", id="no-texts"),
        pytest.param(["{tmp}", "{tmp}/o"], "pip install 'plaudit-infra[score,export]'", id="no-torch"),
    ],
)
def test_a_wrong_option_is_named(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda _: None)
    assert export(*(word.format(tmp=tmp_path) for word in words)) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_wrong_name_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda _: True)
    assert export(tmp_path, tmp_path / "o", "--name", "no good") == 1
    assert "'no good' is no name or version" in capsys.readouterr().err


def config(*labels: str) -> Any:
    return SimpleNamespace(id2label=dict(enumerate(labels)))


@pytest.mark.parametrize(
    ("labels", "wanted", "found"),
    [
        pytest.param(("LABEL_0",), None, (None, None), id="reward-model"),
        pytest.param(("bad", "good"), None, (1, "good"), id="the-second-of-two"),
        pytest.param(("good", "bad"), "good", (0, "good"), id="by-name"),
        pytest.param(("bad", "so-so", "good"), "2", (2, "good"), id="by-number"),
    ],
)
def test_the_label_that_is_the_score(
    labels: tuple[str, ...], wanted: str | None, found: tuple[int | None, str | None]
) -> None:
    assert label_of(config(*labels), wanted) == found


@pytest.mark.parametrize("wanted", [None, "great", "3"], ids=["none-of-many", "unknown", "beyond"])
def test_a_label_that_is_not_known_is_refused(wanted: str | None) -> None:
    with pytest.raises(ExportError, match="labels bad, so-so, good; name with --label"):
        label_of(config("bad", "so-so", "good"), wanted)


class Original:
    """What is asked of a model of PyTorch for its limits."""

    def __init__(self, positions: int | None, padding: int | None) -> None:
        self.config = SimpleNamespace(max_position_embeddings=positions)
        self._table = SimpleNamespace(padding_idx=padding)

    def named_modules(self) -> list[tuple[str, Any]]:
        return [
            ("embeddings.word_embeddings", SimpleNamespace(padding_idx=7)),
            ("embeddings.position_embeddings", self._table),
        ]


@pytest.mark.parametrize(
    ("positions", "padding", "of_tokenizer", "wanted"),
    [
        pytest.param(512, None, 1e30, 512, id="model"),
        pytest.param(514, 1, 1e30, 512, id="roberta"),
        pytest.param(514, 1, 128, 128, id="tokenizer"),
        pytest.param(131072, None, 131072, 8192, id="long"),
        pytest.param(None, None, 1e30, 512, id="nothing-said"),
    ],
)
def test_the_limit_of_tokens(
    positions: int | None, padding: int | None, of_tokenizer: float, wanted: int
) -> None:
    tokenizer = SimpleNamespace(model_max_length=of_tokenizer)
    assert max_tokens_of_original(Original(positions, padding), tokenizer) == wanted
