"""The graph of a BERT encoder, from its plain weights and without PyTorch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from plaudit_consumers.training.encoders.errors import SourceFilesError
from plaudit_consumers.training.encoders.graph_parts import GraphParts, Pooling

_MASKED = -10_000.0
"""Added to the attention of padding. It fits float16, and its exponential is 0."""


@dataclass(frozen=True, slots=True)
class BertShape:
    """What `config.json` says of a BERT model, and how its tokens become one vector."""

    layers: int
    heads: int
    hidden: int
    positions: int
    epsilon: float
    activation: str
    pooling: Pooling


def read_shape(folder: Path) -> BertShape:
    """The shape of the model in a folder of Hugging Face.

    Raises:
        SourceFilesError: the folder has no such model, or one of another family.
    """
    config = read_json(folder / "config.json")
    kind, activation = config.get("model_type"), config.get("hidden_act", "gelu")
    positions = config.get("position_embedding_type", "absolute")
    if (kind, positions) != ("bert", "absolute") or activation not in {"gelu", "relu", "gelu_new"}:
        raise SourceFilesError(
            f"{folder} has a model of another family ({kind}, {activation}, {positions}) than BERT; "
            "export it to ONNX, and give that folder"
        )
    try:
        return BertShape(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            hidden=int(config["hidden_size"]),
            positions=int(config["max_position_embeddings"]),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            activation=str(activation),
            pooling=read_pooling(folder),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SourceFilesError(f"{folder / 'config.json'} is not that of a BERT model: {error}") from None


def read_pooling(folder: Path) -> Pooling:
    """How sentence-transformers makes one vector of all tokens' vectors; the mean where it does not say.

    Raises:
        SourceFilesError: in a way that is not known here.
    """
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return "mean"
    modes = {name for name, on in read_json(path).items() if name.startswith("pooling_mode_") and on is True}
    known: dict[frozenset[str], Pooling] = {
        frozenset({"pooling_mode_mean_tokens"}): "mean",
        frozenset({"pooling_mode_cls_token"}): "cls",
    }
    try:
        return known[frozenset(modes)]
    except KeyError:
        raise SourceFilesError(
            f"{path}: only the mean of tokens and the first token are known here"
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        SourceFilesError: it is missing or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceFilesError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise SourceFilesError(f"{path} is not a JSON object")
    return document


def bert_graph(
    shape: BertShape, weights: Mapping[str, NDArray[Any]], dtype: type[np.floating[Any]]
) -> onnx.ModelProto:
    """The graph from ids to a vector of length 1: the layers in `dtype`, the pooling in float32.

    Raises:
        SourceFilesError: a weight is missing or has another shape.
    """
    parts = GraphParts()
    layers = _Layers(parts, shape, _without_prefix(weights), dtype)
    hidden = layers.embeddings()
    attended = layers.attended()
    for number in range(shape.layers):
        hidden = layers.layer(f"encoder.layer.{number}", hidden, attended)
    parts.pooled(hidden, shape.pooling)
    return parts.model(shape.hidden)


def _without_prefix(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    # A BERT below a task's head is saved with this prefix.
    return {name.removeprefix("bert."): weight for name, weight in weights.items()}


class _Layers:
    """Adds the layers of BERT to a graph."""

    def __init__(
        self,
        parts: GraphParts,
        shape: BertShape,
        weights: Mapping[str, NDArray[Any]],
        dtype: type[np.floating[Any]],
    ) -> None:
        self._parts, self._shape, self._weights, self._dtype = parts, shape, weights, dtype
        self._onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def embeddings(self) -> str:
        """Words, positions and the first kind of segment, added up and normalised."""
        add = self._parts.add
        hidden = self._shape.hidden
        words = self._parts.constant(self._weight("embeddings.word_embeddings.weight", None, hidden), "words")
        positions = self._weight("embeddings.position_embeddings.weight", self._shape.positions, hidden)
        segment = self._weight("embeddings.token_type_embeddings.weight", None, hidden)[0]
        table = self._parts.constant(positions + segment, "positions")
        length = self._parts.length_of_input()
        first = self._parts.constant(np.array([0], np.int64))
        here = add("Slice", table, first, length)
        summed = add("Add", add("Gather", words, "input_ids"), here)
        return self._normed(summed, "embeddings.LayerNorm")

    def attended(self) -> str:
        """0 for tokens that count and a large negative number for others: [batch, 1, 1, tokens]."""
        parts = self._parts
        mask = parts.add("Cast", parts.unsqueezed("attention_mask", 1, 2), to=self._onnx_type)
        one = parts.constant(np.array(1, self._dtype))
        large = parts.constant(np.array(_MASKED, self._dtype))
        return parts.add("Mul", parts.add("Sub", one, mask), large)

    def layer(self, name: str, hidden: str, attended: str) -> str:
        """Attention, then the two dense steps; each is added to what it was given."""
        add, attention = self._parts.add, f"{name}.attention"
        size = self._shape.hidden
        context = self._attention(f"{attention}.self", hidden, attended)
        mixed = self._dense(f"{attention}.output.dense", context, size, size)
        hidden = self._normed(add("Add", mixed, hidden), f"{attention}.output.LayerNorm")
        wide = self._activated(self._dense(f"{name}.intermediate.dense", hidden, size, None))
        narrow = self._dense(f"{name}.output.dense", wide, None, size)
        return self._normed(add("Add", narrow, hidden), f"{name}.output.LayerNorm")

    def _attention(self, name: str, hidden: str, attended: str) -> str:
        parts, size = self._parts, self._shape.hidden
        width = size // self._shape.heads
        scale = parts.constant(np.array(1 / np.sqrt(width), self._dtype))
        query = parts.add("Mul", self._dense(f"{name}.query", hidden, size, size), scale)
        key = self._dense(f"{name}.key", hidden, size, size)
        value = self._dense(f"{name}.value", hidden, size, size)
        query = self._heads(query, (0, 2, 1, 3))
        key = self._heads(key, (0, 2, 3, 1))
        value = self._heads(value, (0, 2, 1, 3))
        weights = parts.add("Add", parts.add("MatMul", query, key), attended)
        context = parts.add("MatMul", parts.add("Softmax", weights, axis=-1), value)
        rows = parts.add("Transpose", context, perm=(0, 2, 1, 3))
        return parts.add("Reshape", rows, parts.constant(np.array([0, 0, size], np.int64)))

    def _heads(self, tensor: str, order: tuple[int, ...]) -> str:
        heads = self._shape.heads
        shape = self._parts.constant(np.array([0, 0, heads, self._shape.hidden // heads], np.int64))
        return self._parts.add("Transpose", self._parts.add("Reshape", tensor, shape), perm=order)

    def _activated(self, tensor: str) -> str:
        if self._shape.activation == "relu":
            return self._parts.add("Relu", tensor)
        approximate = "tanh" if self._shape.activation == "gelu_new" else "none"
        return self._parts.add("Gelu", tensor, approximate=approximate)

    def _dense(self, name: str, tensor: str, given: int | None, gives: int | None) -> str:
        weight = self._weight(f"{name}.weight", gives, given)
        bias = self._weight(f"{name}.bias", weight.shape[0])
        product = self._parts.add(
            "MatMul", tensor, self._parts.constant(np.ascontiguousarray(weight.T), f"{name}.weight")
        )
        return self._parts.add("Add", product, self._parts.constant(bias, f"{name}.bias"))

    def _normed(self, tensor: str, name: str) -> str:
        size = self._shape.hidden
        scale = self._parts.constant(self._weight(f"{name}.weight", size), f"{name}.weight")
        bias = self._parts.constant(self._weight(f"{name}.bias", size), f"{name}.bias")
        return self._parts.add(
            "LayerNormalization", tensor, scale, bias, axis=-1, epsilon=self._shape.epsilon
        )

    def _weight(self, name: str, *sizes: int | None) -> NDArray[Any]:
        weight = self._weights.get(name)
        if weight is None:
            raise SourceFilesError(f"the weights lack {name}: they are not those of a BERT model")
        fits = weight.ndim == len(sizes) and all(
            size in (None, there) for size, there in zip(sizes, weight.shape, strict=True)
        )
        if not fits:
            raise SourceFilesError(
                f"the weight {name} has the shape {weight.shape}, which config.json does not say"
            )
        return weight.astype(self._dtype)
