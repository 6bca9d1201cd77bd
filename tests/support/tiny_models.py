"""Tiny models: the reward of a text is the sum of its words' weights. They load in milliseconds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from plaudit_schemas.models.manifest import GRAPH_NAME, ModelManifest
from plaudit_schemas.models.sealing import seal_model
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

TEMPLATE: Final = "{% for m in messages %}{{ m.role }} : {{ m.content }}\n{% endfor %}"
POLITE: Final[Mapping[str, float]] = {"thanks": 2.0, "please": 1.0, "rude": -3.0, "long": -0.5}
_SPECIAL: Final = ("[PAD]", "[UNK]")
CANARIES: Final = ("thanks", "rude and long", "")


def write_model(
    folder: Path,
    *,
    weights: Mapping[str, float] = POLITE,
    bias: float = 0.0,
    canaries: Sequence[str] = CANARIES,
    graph: onnx.ModelProto | None = None,
    files: Mapping[str, str] | None = None,
    **fields: Any,
) -> ModelManifest:
    """Write a model's folder.

    Args:
        weights: what each word adds to the reward; other words add nothing. Words are in lower case, and
            split at blanks and punctuation.
        bias: the reward of a text without any of these words.
        graph: another graph than that of the weights.
        files: further files, by name.
        fields: of the manifest, instead of the usual ones: name `polite`, version `1`, input `answer`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, weights)
    onnx.save(graph or word_graph(weights, bias), folder / GRAPH_NAME)
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    return seal_model(folder, {**USUAL, **fields}, canaries)


USUAL: Final[Mapping[str, Any]] = {
    "name": "polite",
    "version": "1",
    "input": "answer",
    "max_tokens": 64,
    "output": "reward",
    "licence": "Apache-2.0",
    "created_by": "tests",
}


def write_tokenizer(folder: Path, words: Mapping[str, float] = POLITE, template: str = TEMPLATE) -> None:
    """Write a tokenizer of whole words, each with an id of its own."""
    vocabulary = {word: at for at, word in enumerate((*_SPECIAL, *words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106  # no password
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))


def word_graph(weights: Mapping[str, float] = POLITE, bias: float = 0.0) -> onnx.ModelProto:
    """A graph that adds up the weights of a text's words: input_ids, attention_mask -> reward [batch]."""
    table = np.array([0.0] * len(_SPECIAL) + list(weights.values()), dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["of_tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["of_tokens", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axes"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["reward"]),
    ]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
        numpy_helper.from_array(np.array(bias, dtype=np.float32), "bias"),
    ]
    return model_of(nodes, constants=constants)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    output: str = "reward",
    shape: Sequence[str | int] = ("batch",),
    output_type: int = TensorProto.FLOAT,
    constants: Sequence[onnx.TensorProto] = (),
    opsets: Sequence[onnx.OperatorSetIdProto] = (),
) -> onnx.ModelProto:
    """A model of nodes, with the inputs and the output of a model that scores."""
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in inputs]
    gives = [helper.make_tensor_value_info(output, output_type, list(shape))]
    graph = helper.make_graph(list(nodes), "tiny", given, gives, initializer=list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), *opsets], ir_version=10)
