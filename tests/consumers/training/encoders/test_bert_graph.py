"""The graph of BERT against its formulas, written a second time in numpy."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from plaudit_consumers.training.encoders.bert_graph import bert_graph, read_pooling, read_shape
from plaudit_consumers.training.encoders.errors import SourceFilesError

from tests.support.tiny_berts import HEADS, HIDDEN, LAYERS, Weights, write_bert

Floats = NDArray[Any]
IDS = [2, 4, 6, 8, 3]


def bert(weights: Weights, ids: list[int], activation: str) -> Floats:
    """The last layer's vectors of one text, in float64."""
    w: dict[str, Floats] = {name: weight.astype(np.float64) for name, weight in weights.items()}
    summed = (
        w["embeddings.word_embeddings.weight"][ids]
        + w["embeddings.position_embeddings.weight"][: len(ids)]
        + w["embeddings.token_type_embeddings.weight"][0]
    )
    x = normed(w, "embeddings.LayerNorm", summed)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        width = HIDDEN // HEADS
        query, key, value = (dense(w, f"{layer}.attention.self.{n}", x) for n in ("query", "key", "value"))
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(width))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, part])
        mixed = dense(w, f"{layer}.attention.output.dense", np.hstack(heads))
        x = normed(w, f"{layer}.attention.output.LayerNorm", mixed + x)
        wide = ACTIVATIONS[activation](dense(w, f"{layer}.intermediate.dense", x))
        x = normed(w, f"{layer}.output.LayerNorm", dense(w, f"{layer}.output.dense", wide) + x)
    return x


def dense(weights: dict[str, Floats], name: str, x: Floats) -> Floats:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def normed(weights: dict[str, Floats], name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=1, keepdims=True)
    normal: Floats = centred / x.std(axis=1, keepdims=True)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "gelu": np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    "gelu_new": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "relu": lambda x: np.maximum(x, 0),
}


def run(graph: Any, ids: list[list[int]], mask: list[list[int]]) -> Floats:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": np.array(ids, np.int64), "attention_mask": np.array(mask, np.int64)}
    [vectors] = session.run(["embedding"], feeds)
    return np.asarray(vectors)


def pooled(folder: Path, mode: str) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("mode", ["mean_tokens", "cls_token"])
def test_the_graph_follows_the_formulas(tmp_path: Path, activation: str, mode: str) -> None:
    weights = write_bert(tmp_path, config={"hidden_act": activation})
    pooled(tmp_path, mode)
    tokens = bert(weights, IDS, activation)
    wanted = tokens[0] if mode == "cls_token" else tokens.mean(axis=0)
    [found] = run(bert_graph(read_shape(tmp_path), weights, np.float32), [IDS], [[1] * 5])
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=1e-5)


def test_padding_changes_nothing(tmp_path: Path) -> None:
    weights = write_bert(tmp_path)
    graph = bert_graph(read_shape(tmp_path), weights, np.float32)
    [alone] = run(graph, [IDS], [[1] * 5])
    padded = run(graph, [[*IDS, 0, 7, 0], [2, 5, 9, 11, 10, 4, 4, 3]], [[1] * 5 + [0] * 3, [1] * 8])
    np.testing.assert_allclose(padded[0], alone, atol=1e-6)
    assert np.abs(padded[1] - alone).max() > 1e-3


def test_half_precision_is_near(tmp_path: Path) -> None:
    weights = write_bert(tmp_path)
    shape = read_shape(tmp_path)
    whole, half = (
        run(bert_graph(shape, weights, kind), [IDS], [[1] * 5]) for kind in (np.float32, np.float16)
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(whole - half).max() < 0.01


def test_weights_below_a_head_have_a_prefix(tmp_path: Path) -> None:
    weights = write_bert(tmp_path)
    shape = read_shape(tmp_path)
    below = {f"bert.{name}": weight for name, weight in weights.items()}
    np.testing.assert_array_equal(
        run(bert_graph(shape, below, np.float32), [IDS], [[1] * 5]),
        run(bert_graph(shape, weights, np.float32), [IDS], [[1] * 5]),
    )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param({"model_type": "roberta"}, "another family", id="another-family"),
        pytest.param({"hidden_act": "silu"}, "another family", id="unknown-activation"),
        pytest.param({"position_embedding_type": "relative_key"}, "another family", id="relative-positions"),
        pytest.param({"num_hidden_layers": None}, "is not that of a BERT model", id="no-layers"),
        pytest.param({"hidden_size": "many"}, "is not that of a BERT model", id="size-in-words"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    write_bert(tmp_path, config=config)
    with pytest.raises(SourceFilesError, match=told):
        read_shape(tmp_path)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    weights = write_bert(tmp_path)
    shape = read_shape(tmp_path)
    lacking = {name: weight for name, weight in weights.items() if "layer.1.output" not in name}
    with pytest.raises(SourceFilesError, match=r"lack encoder\.layer\.1\.output\.dense\.weight"):
        bert_graph(shape, lacking, np.float32)
    name = "encoder.layer.0.attention.self.key.weight"
    with pytest.raises(SourceFilesError, match=r"key\.weight has the shape \(8, 3\)"):
        bert_graph(shape, {**weights, name: weights[name][:, :3]}, np.float32)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"pooling_mode_max_tokens": true}'], ids=["broken", "list", "maximum"]
)
def test_a_pooling_that_is_not_known_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(text)
    with pytest.raises(SourceFilesError, match="1_Pooling"):
        read_pooling(tmp_path)
