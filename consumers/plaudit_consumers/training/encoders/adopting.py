"""Makes an encoder's graph of one that its users exported."""

from pathlib import Path
from typing import Any

import onnx
from onnx import helper
from plaudit_schemas.models.graph import check_operators
from plaudit_schemas.models.runtime import told

from plaudit_consumers.training.encoders.bert_graph import read_pooling
from plaudit_consumers.training.encoders.errors import SourceFilesError
from plaudit_consumers.training.encoders.graph_parts import OUTPUT, GraphParts, output_of

_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
_KNOWN = (OUTPUT, "sentence_embedding", "last_hidden_state", "token_embeddings")
_OLDEST_OPSET = 13


def adopted_graph(source: Path) -> onnx.ModelProto:
    """The graph of `model.onnx`, which ends in vectors of texts or of tokens, as an encoder's.

    Vectors of tokens become one as sentence-transformers' configuration says, by their mean without one.

    Raises:
        SourceFilesError: there is no such file, or it takes or gives something else.
        ModelCheckError: it needs code of its own.
    """
    path = next(
        (one for one in (source / "model.onnx", source / "onnx" / "model.onnx") if one.exists()), None
    )
    if path is None:
        raise SourceFilesError(
            f"{source} has neither model.safetensors nor model.onnx; give a folder that has"
        )
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own, which has no base
        raise SourceFilesError(
            f"{path} is no ONNX model ({type(error).__name__}); copy or export it again"
        ) from None
    check_operators(model, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))  # refuses files of other folders
    except Exception as error:  # the errors share no base
        raise SourceFilesError(
            f"the weights of {path} cannot be read ({told(error)}); put its files with weights beside it"
        ) from None
    parts = GraphParts("plaudit_")
    _check_opset(model, path)
    _fix_segments(model, parts, path)
    before, parts.nodes = parts.nodes, []
    dimensions = _end(model, parts, path, source)
    nodes = [*before, *model.graph.node, *parts.nodes]
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(parts.constants)
    model.graph.output.append(output_of(dimensions))
    return model


def _check_opset(model: Any, path: Path) -> None:
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET:
        raise SourceFilesError(f"{path} has the opset {opset}; export it with {_OLDEST_OPSET} or later")


def _fix_segments(model: Any, parts: GraphParts, path: Path) -> None:
    """Let `token_type_ids`, if the graph takes them, be 0."""
    weights = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in weights]
    if not {"input_ids", "attention_mask"} <= set(names) <= {"input_ids", "attention_mask", "token_type_ids"}:
        raise SourceFilesError(f"{path} takes {', '.join(names)}; it must take input_ids and attention_mask")
    if "token_type_ids" in names:
        zeros = parts.add("Sub", "input_ids", "input_ids")
        parts.nodes.append(helper.make_node("Identity", [zeros], ["token_type_ids"], "segments"))
        kept = [value for value in model.graph.input if value.name != "token_type_ids"]
        del model.graph.input[:]
        model.graph.input.extend(kept)


def _end(model: Any, parts: GraphParts, path: Path, source: Path) -> int:
    """Add what makes one vector of length 1 of an output. Returns its dimensions."""
    outputs = {value.name: value.type.tensor_type for value in model.graph.output}
    name = next((one for one in (*_KNOWN, *outputs) if one in outputs), "")
    dims = outputs[name].shape.dim if name else []
    if len(dims) not in (2, 3) or outputs[name].elem_type not in _FLOATS or not dims[-1].dim_value:
        raise SourceFilesError(
            f"{path} gives {', '.join(outputs) or 'nothing'}; it must give vectors of texts [batch, n] or of "
            "tokens [batch, tokens, n], with n known"
        )
    if name == OUTPUT:
        _rename(model, OUTPUT, name := "plaudit_vectors")
    if len(dims) == 3:
        parts.pooled(name, read_pooling(source))
    else:
        parts.normed(name)
    return int(dims[-1].dim_value)


def _rename(model: Any, old: str, new: str) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            renamed = [new if one == old else one for one in names]
            del names[:]
            names.extend(renamed)
