"""Graphs that users exported become encoders."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from plaudit_consumers.training.encoders.adopting import adopted_graph
from plaudit_consumers.training.encoders.building import About, build_static, build_transformer
from plaudit_consumers.training.encoders.encoder import open_encoder
from plaudit_consumers.training.encoders.errors import SourceFilesError
from plaudit_schemas.errors import ModelCheckError

from tests.support.tiny_berts import SPECIAL, WORDS, write_tokenizer

Floats = NDArray[np.float32]
SIZE = len(SPECIAL) + len(WORDS)
TABLE = np.random.default_rng(5).normal(size=(SIZE, 6)).astype(np.float32)
ABOUT = About("mine")


def write_graph(
    folder: Path,
    *,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids"),
    output: str = "last_hidden_state",
    rank: int = 3,
    half: bool = False,
    opset: int = 17,
) -> None:
    """A graph as exporters write it: vectors of tokens, or of texts as the first token's."""
    folder.mkdir(exist_ok=True)
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Gather", ["segments", "token_type_ids"], ["kind"]),
        helper.make_node("Add", ["rows", "kind"], ["summed"]),
        helper.make_node("Gather", ["summed", "first"], ["chosen"], axis=1),
        helper.make_node("Cast", ["chosen" if rank == 2 else "summed"], [output], to=kind),
    ]
    if "token_type_ids" not in inputs:
        nodes[1:3] = [helper.make_node("Identity", ["rows"], ["summed"])]
    constants = [
        numpy_helper.from_array(TABLE, "table"),
        numpy_helper.from_array(np.array([[1] * 6, [50] * 6], np.float32), "segments"),
        numpy_helper.from_array(np.array(0, np.int64), "first"),
    ]
    graph = helper.make_graph(
        nodes,
        "users",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in inputs],
        [helper.make_tensor_value_info(output, kind, ["batch", 6] if rank == 2 else ["batch", "tokens", 6])],
        constants,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
    onnx.save(model, folder / "model.onnx")
    write_tokenizer(folder)


def embedded(source: Path, output: Path, text: str) -> Floats:
    build_transformer(source, output, ABOUT)
    vectors: Floats = open_encoder(output).embed([text])[0]
    return vectors


def direction(
    vector: Floats,
) -> Floats:
    scaled: Floats = vector / np.linalg.norm(vector)
    return scaled


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_vectors_of_tokens_become_their_mean(tmp_path: Path, half: bool) -> None:
    write_graph(tmp_path / "source", half=half)
    found = embedded(tmp_path / "source", tmp_path / "encoder", "the cat")
    wanted = direction(TABLE[[2, 4, 6, 3]].mean(axis=0) + 1)
    np.testing.assert_allclose(found, wanted, atol=2e-3 if half else 1e-6)


def test_the_first_token_stands_for_all_if_the_model_was_trained_so(tmp_path: Path) -> None:
    write_graph(tmp_path / "source")
    (tmp_path / "source" / "1_Pooling").mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (tmp_path / "source" / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    found = embedded(tmp_path / "source", tmp_path / "encoder", "the cat")
    np.testing.assert_allclose(found, direction(TABLE[2] + 1), atol=1e-6)


@pytest.mark.parametrize("output", ["sentence_embedding", "embedding", "pooled"])
def test_vectors_of_texts_get_the_length_1(tmp_path: Path, output: str) -> None:
    write_graph(tmp_path / "source", output=output, rank=2, inputs=("input_ids", "attention_mask"))
    found = embedded(tmp_path / "source", tmp_path / "encoder", "the cat")
    np.testing.assert_allclose(found, direction(TABLE[2]), atol=1e-6)


def test_a_users_graph_can_be_distilled(tmp_path: Path) -> None:
    write_graph(tmp_path / "source")
    build_static(tmp_path / "source", tmp_path / "encoder", ABOUT)
    vectors = open_encoder(tmp_path / "encoder").embed(["cat dog", "dog cat"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert vectors.shape == (2, 6)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"inputs": ("input_ids", "token_type_ids")}, "must take input_ids and", id="no-mask"),
        pytest.param(
            {"inputs": ("input_ids", "attention_mask", "token_type_ids", "pixels")},
            "pixels",
            id="other-input",
        ),
        pytest.param({"opset": 11}, "opset 11", id="old-opset"),
    ],
)
def test_another_graph_is_refused(tmp_path: Path, fields: dict[str, object], told: str) -> None:
    write_graph(tmp_path, **fields)  # type: ignore[arg-type]  # a case has some of the arguments
    with pytest.raises(SourceFilesError, match=told):
        adopted_graph(tmp_path)


def test_a_folder_without_a_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFilesError, match=r"neither model\.safetensors nor model\.onnx"):
        adopted_graph(tmp_path)
    (tmp_path / "model.onnx").write_text("no graph")
    with pytest.raises(SourceFilesError, match="is no ONNX model"):
        adopted_graph(tmp_path)


def test_code_and_weights_from_elsewhere_are_refused(tmp_path: Path) -> None:
    write_graph(tmp_path / "mine")
    model = onnx.load(tmp_path / "mine" / "model.onnx")
    (tmp_path / "w").write_bytes(model.graph.initializer[0].raw_data)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../w")
    model.graph.initializer[0].ClearField("raw_data")
    (tmp_path / "mine" / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SourceFilesError, match="put its files with weights beside it"):
        adopted_graph(tmp_path / "mine")
    model.graph.node[0].domain = "evil.com"
    (tmp_path / "mine" / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelCheckError, match=r"custom operator evil\.com::"):
        adopted_graph(tmp_path / "mine")


def test_vectors_of_unknown_length_are_refused(tmp_path: Path) -> None:
    write_graph(tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "n"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(SourceFilesError, match="with n known"):
        adopted_graph(tmp_path)


def test_only_plain_weights_become_half_precision(tmp_path: Path) -> None:
    write_graph(tmp_path / "source")
    with pytest.raises(SourceFilesError, match="only plain weights can become fp16"):
        build_transformer(tmp_path / "source", tmp_path / "encoder", ABOUT, "fp16")
