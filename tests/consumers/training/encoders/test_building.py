"""Folders of encoders: built from tiny models, opened, and refused where something is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from plaudit_consumers.training.encoders.building import (
    About,
    Precision,
    build_static,
    build_transformer,
    max_tokens_of,
)
from plaudit_consumers.training.encoders.encoder import open_encoder
from plaudit_consumers.training.encoders.errors import EncoderError, SourceFilesError
from plaudit_consumers.training.encoders.manifest import MANIFEST, hashes
from plaudit_schemas.errors import ModelCheckError, ModelError

from tests.support.tiny_berts import HIDDEN, write_bert

ABOUT = About("tiny", "3", languages=("en",), licence="MIT", made_from="a test")
TEXTS = ["the cat eats", "a dog sleeps fast fast fast", "", "unknown words", "the cat eats"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "bert"
    write_bert(folder)
    return folder


@pytest.fixture
def encoder_folder(source: Path, tmp_path: Path) -> Path:
    build_static(source, tmp_path / "encoder", ABOUT)
    return tmp_path / "encoder"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_vector_does_not_depend_on_the_other_texts(
    source: Path, tmp_path: Path, precision: Precision
) -> None:
    build_transformer(source, tmp_path / "encoder", ABOUT, precision)
    encoder = open_encoder(tmp_path / "encoder")
    together = encoder.embed(TEXTS)
    alone = np.vstack([encoder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-3 if precision == "fp16" else 1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert together.dtype == np.float32
    assert together.shape == (5, HIDDEN)
    assert encoder.alone == (precision == "int8")


def test_a_static_encoder_knows_words_and_not_their_order(encoder_folder: Path) -> None:
    encoder = open_encoder(encoder_folder)
    one, turned, other, nothing = encoder.embed(["the cat eats", "eats cat the", "a dog sleeps", ""])
    np.testing.assert_allclose(one, turned, atol=1e-6)
    assert np.abs(one - other).max() > 0.1
    assert not nothing.any()
    assert encoder.embed([]).shape == (0, HIDDEN)


def test_the_manifest_says_what_is_there(encoder_folder: Path) -> None:
    encoder = open_encoder(encoder_folder)
    manifest = encoder.manifest
    assert (manifest.name, manifest.version, manifest.dimensions) == ("tiny", "3", HIDDEN)
    assert (manifest.languages, manifest.licence, manifest.made_from) == (("en",), "MIT", "a test")
    assert set(manifest.files) == {"model.onnx", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in encoder.tokenizer_files} == {"tokenizer.json", "tokenizer_config.json"}
    assert [value.name for value in encoder.graph().graph.input] == ["input_ids", "attention_mask"]


def test_the_tokenizer_neither_pads_nor_cuts(source: Path, encoder_folder: Path) -> None:
    before, after = (json.loads((each / "tokenizer.json").read_text()) for each in (source, encoder_folder))
    assert None not in (before["padding"], before["truncation"])
    assert (after["padding"], after["truncation"]) == (None, None)
    assert after["model"] == before["model"]


def test_the_same_source_gives_the_same_bytes(source: Path, encoder_folder: Path, tmp_path: Path) -> None:
    build_static(source, tmp_path / "again", ABOUT)
    assert hashes(tmp_path / "again") == hashes(encoder_folder)
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (encoder_folder / MANIFEST).read_bytes()


def test_a_corpus_makes_its_frequent_words_weigh_less(source: Path, tmp_path: Path) -> None:
    for name, corpus in (("cats", ["cat"] * 1000), ("dogs", ["dog"] * 1000)):
        build_static(source, tmp_path / name, ABOUT, corpus)
    cats, dogs = (open_encoder(tmp_path / name).embed(["cat dog", "cat", "dog"]) for name in ("cats", "dogs"))
    assert cats[0] @ cats[2] > 0.99 > cats[0] @ cats[1]
    assert dogs[0] @ dogs[1] > 0.99 > dogs[0] @ dogs[2]


def test_of_a_long_text_the_end_counts(source: Path, tmp_path: Path) -> None:
    build_transformer(source, tmp_path / "encoder", ABOUT)
    encoder = open_encoder(tmp_path / "encoder")
    assert encoder.manifest.max_tokens == 16
    long, end = encoder.embed(["cat " * 500 + "the dog " * 7, "the dog " * 7])
    np.testing.assert_allclose(long, end, atol=1e-6)


def test_dimensions_may_be_fewer(source: Path, tmp_path: Path) -> None:
    build_static(source, tmp_path / "encoder", ABOUT, dimensions=3)
    assert open_encoder(tmp_path / "encoder").embed(["cat"]).shape == (1, 3)


def test_what_was_written_stays(source: Path, encoder_folder: Path) -> None:
    with pytest.raises(EncoderError, match="exists; choose another folder"):
        build_static(source, encoder_folder, ABOUT)
    assert open_encoder(encoder_folder).manifest.name == "tiny"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    write_bert(tmp_path / "source", config={"model_type": "gpt2"})
    with pytest.raises(SourceFilesError):
        build_transformer(tmp_path / "source", tmp_path / "out" / "encoder", ABOUT)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda folder: (folder / MANIFEST).unlink(), "is no encoder", id="no-manifest"),
        pytest.param(
            lambda folder: (folder / "tokenizer.json").unlink(), "lacks tokenizer.json", id="lacking"
        ),
        pytest.param(lambda folder: (folder / "x.txt").touch(), "holds x.txt", id="unlisted"),
        pytest.param(
            lambda folder: (folder / "tokenizer.json").write_text("{}"), "was changed", id="changed"
        ),
        pytest.param(
            lambda folder: _edit(folder, dimension=3), "did you mean dimensions", id="unknown-field"
        ),
        pytest.param(lambda folder: _edit(folder, format=2), "format: Input should be 1", id="newer"),
        pytest.param(lambda folder: _edit(folder, dimensions=3), r"float32 \[batch, 3\]", id="dimensions"),
        pytest.param(
            lambda folder: (folder / MANIFEST).write_text("a: ]"), "is no YAML: line 1", id="no-yaml"
        ),
        pytest.param(
            lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "is not text in UTF-8", id="no-text"
        ),
    ],
)
def test_a_damaged_folder_is_refused(encoder_folder: Path, damage: Callable[[Path], Any], told: str) -> None:
    damage(encoder_folder)
    with pytest.raises(EncoderError, match=told):
        open_encoder(encoder_folder)


def _edit(folder: Path, **fields: Any) -> None:
    document = yaml.safe_load((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(yaml.safe_dump({**document, **fields}))


def _graph(inputs: list[str], output: str, kind: int = TensorProto.INT64) -> onnx.ModelProto:
    node = helper.make_node("Cast", [inputs[0]], [output], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [node],
        "other",
        [helper.make_tensor_value_info(name, kind, ["batch", 8]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 8])],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        pytest.param(_graph(["text"], "embedding"), "takes text", id="other-inputs"),
        pytest.param(
            _graph(["input_ids", "attention_mask"], "vector"), "must give embedding", id="other-output"
        ),
        pytest.param(
            _graph(["input_ids", "attention_mask"], "embedding", TensorProto.INT32), "int64", id="int32"
        ),
        pytest.param(None, "is no ONNX model", id="no-graph"),
    ],
)
def test_another_graph_is_refused(encoder_folder: Path, graph: onnx.ModelProto | None, told: str) -> None:
    (encoder_folder / "model.onnx").write_bytes(b"no graph" if graph is None else graph.SerializeToString())
    _edit(encoder_folder, files=hashes(encoder_folder))
    with pytest.raises(EncoderError, match=told):
        open_encoder(encoder_folder)


def test_a_graph_with_foreign_operators_is_refused(encoder_folder: Path) -> None:
    graph = onnx.load(encoder_folder / "model.onnx")
    graph.graph.node[0].domain = "com.example"
    onnx.save(graph, encoder_folder / "model.onnx")
    _edit(encoder_folder, files=hashes(encoder_folder))
    with pytest.raises(ModelCheckError, match=r"com\.example"):
        open_encoder(encoder_folder)


def test_a_link_is_refused(encoder_folder: Path, tmp_path: Path) -> None:
    (encoder_folder / "README.md").symlink_to(tmp_path)
    with pytest.raises(ModelError, match="link"):
        open_encoder(encoder_folder)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param({"sentence_bert_config.json": '{"max_seq_length": 7}'}, 7, id="sentence-transformers"),
        pytest.param({"tokenizer_config.json": '{"model_max_length": 1e30}'}, 16, id="no-limit"),
        pytest.param({"config.json": "{}", "tokenizer_config.json": "{}"}, 512, id="nothing-said"),
    ],
)
def test_the_smallest_limit_of_tokens_holds(tmp_path: Path, files: dict[str, str], wanted: int) -> None:
    write_bert(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert max_tokens_of(tmp_path) == wanted


def test_weights_that_are_no_safetensors_are_named(tmp_path: Path) -> None:
    write_bert(tmp_path / "source")
    (tmp_path / "source" / "model.safetensors").write_bytes(b"x" * 40)
    with pytest.raises(SourceFilesError, match=r"model\.safetensors cannot be read"):
        build_transformer(tmp_path / "source", tmp_path / "encoder", ABOUT)
