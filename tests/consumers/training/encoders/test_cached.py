"""The encoders of Plaudit: what is built once, and MiniLM's own vectors."""

import fcntl
import shutil
from pathlib import Path

import numpy as np
import pytest
from plaudit_consumers.training.encoders import cached
from plaudit_consumers.training.encoders.building import About, Precision, build_transformer
from plaudit_consumers.training.encoders.encoder import open_encoder
from plaudit_consumers.training.encoders.errors import EncoderError, SourceFilesError
from plaudit_consumers.training.encoders.source import Report, minilm_files
from plaudit_schemas.cache import default_cache, locked

from tests.support.services import unavailable, uv_program
from tests.support.tiny_berts import write_bert

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
"""Of these sentences, in the documentation of sentence-transformers."""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A tiny model in MiniLM's place, and what was reported when it was asked for."""
    write_bert(tmp_path / "source")
    asked: list[str] = []

    def files(cache: Path, report: Report) -> Path:
        asked.append(str(cache))
        return tmp_path / "source"

    monkeypatch.setattr(cached, "minilm_files", files)
    return asked


@pytest.mark.slow
def test_an_encoder_is_built_once(tiny: list[str], tmp_path: Path) -> None:
    told: list[str] = []
    cache = tmp_path / "cache"
    first = cached.static_encoder(cache, told.append)
    again = cached.static_encoder(cache, told.append)
    assert first.folder == again.folder == cache / "encoders" / "minilm-l6-static-1"
    np.testing.assert_array_equal(first.embed(["the cat"]), again.embed(["the cat"]))
    assert (tiny, told) == ([str(cache)], ["building the encoder minilm-l6-static"])
    assert first.manifest.languages == ("en",)


def test_each_precision_is_an_encoder_of_its_own(tiny: list[str], tmp_path: Path) -> None:
    names = [cached.minilm_encoder(each, tmp_path, print).manifest.name for each in ("fp32", "fp16", "int8")]
    assert names == ["minilm-l6-fp32", "minilm-l6-fp16", "minilm-l6-int8"]


def test_a_damaged_one_is_built_again(tiny: list[str], tmp_path: Path) -> None:
    encoder = cached.static_encoder(tmp_path, print)
    before = (encoder.folder / "model.onnx").read_bytes()
    (encoder.folder / "model.onnx").write_bytes(before[:100])
    assert (cached.static_encoder(tmp_path, print).folder / "model.onnx").read_bytes() == before
    shutil.rmtree(encoder.folder)
    encoder.folder.mkdir()
    assert (cached.static_encoder(tmp_path, print).folder / "model.onnx").read_bytes() == before
    assert len(tiny) == 3


def test_a_cache_that_cannot_be_written_is_named(tiny: list[str], tmp_path: Path) -> None:
    (tmp_path / "encoders").write_text("a file")
    with pytest.raises(EncoderError, match="set XDG_CACHE_HOME"):
        cached.static_encoder(tmp_path, print)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "plaudit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "plaudit"


def test_the_lock_keeps_others_out(tmp_path: Path) -> None:
    place = tmp_path / "cache" / ".lock"
    with locked(place.parent), place.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with place.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def with_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV", uv_program())


@pytest.fixture
def minilm_source(with_uv: None) -> Path:
    """MiniLM's files in the user's cache."""
    try:
        return minilm_files(default_cache())
    except SourceFilesError as error:
        unavailable(f"MiniLM's files ({error})")


@pytest.mark.slow
@pytest.mark.usefixtures("minilm_source")
def test_minilm_gives_the_published_vectors() -> None:
    vectors = cached.minilm_encoder().embed(SENTENCES)
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "nearest"),
    [pytest.param("fp16", 0.99999, marks=pytest.mark.slow), ("int8", 0.985)],
    ids=["fp16", "int8"],
)
def test_a_smaller_minilm_gives_near_vectors(
    minilm_source: Path, tmp_path: Path, precision: Precision, nearest: float
) -> None:
    build_transformer(minilm_source, tmp_path / "small", About("small"), precision)
    near, wanted = open_encoder(tmp_path / "small").embed(SENTENCES), cached.minilm_encoder().embed(SENTENCES)
    assert (near * wanted).sum(axis=1).min() > nearest


@pytest.mark.usefixtures("minilm_source")
def test_the_static_encoder_tells_like_from_unlike() -> None:
    encoder = cached.static_encoder()
    bread, loaf, stocks = encoder.embed(
        ["How do I bake bread?", "What is the way to make bread at home?", "The stock market fell."]
    )
    assert bread @ loaf > 0.5 > bread @ stocks
    np.testing.assert_array_equal(open_encoder(encoder.folder).embed(["How do I bake bread?"]), [bread])
    assert encoder.manifest.dimensions == 256
