"""Checks a model's ONNX graph before the runtime loads it. Reads no weights."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import onnx

from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.manifest import GRAPH_NAME, OutputKind, is_plain_path

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
_OTHER: Final[Mapping[OutputKind, OutputKind]] = {"reward": "probability", "probability": "reward"}
_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Whose operators ONNX Runtime has itself."""
_AGAIN: Final = "copy or export it again"
_LOADS_FILES: Final = frozenset({"EPContext"})
"""Operators that make the runtime load compiled code from another file."""
_FLOATS: Final = frozenset({onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16})


class GraphShape(NamedTuple):
    """What a graph takes and gives.

    Attributes:
        inputs: those of INPUTS that it has.
        output: the name of the output that is the score.
        alone: it must be given one text at a time: its batch is fixed at one, or it quantises activations by
            what the batch holds.
    """

    inputs: tuple[str, ...]
    output: str
    alone: bool


def read_graph(folder: Path, files: Collection[str], gives: OutputKind) -> GraphShape:
    """Check the graph of a folder.

    Args:
        files: the files that the manifest lists; the graph may keep weights in them and nowhere else.
        gives: what the manifest says that it gives.

    Raises:
        ModelError: it cannot be read.
        ModelCheckError: it takes or gives something else, or needs files or operators that it may not.
    """
    path = folder / GRAPH_NAME
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # protobuf's DecodeError, which has no base of its own
        raise ModelCheckError(f"{path} is no ONNX model ({type(error).__name__}); {_AGAIN}") from None
    if not model.graph.node:
        raise ModelCheckError(f"{path} is no ONNX model: it is empty; {_AGAIN}")
    check_operators(model, path)
    check_external_data(model, path, files)
    return graph_shape(model, path, gives)


def check_operators(model: Any, path: Path) -> None:
    """Refuse operators that ONNX Runtime does not have itself, or that load code.

    Raises:
        ModelCheckError: there are such.
    """
    own = {(function.domain, function.name) for function in model.functions}
    for node in _nodes(model):
        if (node.domain, node.op_type) in own:
            continue
        if node.domain not in _DOMAINS or node.op_type in _LOADS_FILES:
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            raise ModelCheckError(
                f"{path} needs the custom operator {name}, and models with code of their own are refused; "
                "export it with standard operators"
            )


def check_external_data(model: Any, path: Path, files: Collection[str]) -> None:
    """Refuse weights that lie outside the folder, or in a file that the manifest does not list.

    Raises:
        ModelCheckError: there are such.
    """
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        # Of several, the last counts for some readers.
        locations = [entry.value for entry in tensor.external_data if entry.key == "location"]
        location = ", ".join(locations)
        if len(locations) != 1 or not is_plain_path(location) or location not in files:
            raise ModelCheckError(
                f"{path} asks for weights in {location!r}, which is not a file of the folder that the "
                "manifest lists; save the model with its weights beside it"
            )


def graph_shape(model: Any, path: Path, gives: OutputKind) -> GraphShape:
    """What a graph takes and gives.

    Raises:
        ModelCheckError: something else than a model of texts may.
    """
    # Older exporters list the weights as inputs too.
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    names = tuple(value.name for value in inputs)
    if "input_ids" not in names or not set(names) <= set(INPUTS):
        raise ModelCheckError(
            f"{path} takes {', '.join(names) or 'nothing'}; it must take input_ids, and may take "
            f"{' and '.join(INPUTS[1:])}"
        )
    fixed = [_check_input(value, path) for value in inputs]
    output = _output(model.graph, path, gives)
    dynamic = any(node.op_type.startswith("DynamicQuantize") for node in _nodes(model))
    return GraphShape(names, output, alone=any(fixed) or dynamic)


def _check_input(value: Any, path: Path) -> bool:
    """Check one input, and say whether its batch is fixed at one."""
    tensor = value.type.tensor_type
    dims = list(tensor.shape.dim)
    if tensor.elem_type != onnx.TensorProto.INT64 or len(dims) != 2:
        raise ModelCheckError(
            f"{path} takes {value.name} in another form than int64 [batch, tokens]; export it with that"
        )
    batch, tokens = (dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
    if tokens is not None or batch not in (None, 1):
        raise ModelCheckError(
            f"{path} takes {value.name} of a fixed size; export it with dynamic axes for batch and tokens"
        )
    return batch == 1


def _output(graph: Any, path: Path, gives: OutputKind) -> str:
    of_name = {value.name: value for value in graph.output}
    if not of_name:
        raise ModelCheckError(f"{path} gives nothing; export it with one output, {gives}")
    other = _OTHER[gives]
    if other in of_name and gives not in of_name:
        raise ModelCheckError(
            f"{path} gives a {other}, and its manifest says `output: {gives}`; change one of them"
        )
    output = of_name.get(gives, graph.output[0])
    tensor = output.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    shaped = not tensor.HasField("shape") or len(dims) == 1 or (len(dims) == 2 and dims[1] in (None, 1))
    if tensor.elem_type not in _FLOATS or not shaped:
        told = ", ".join("?" if dim is None else str(dim) for dim in dims)
        raise ModelCheckError(
            f"{path} gives {output.name} as {_type_name(tensor.elem_type)} [{told}]; it must give one number "
            "for each text: float32 or float16, [batch] or [batch, 1]"
        )
    return str(output.name)


def _type_name(elem_type: int) -> str:
    try:
        return str(onnx.TensorProto.DataType.Name(elem_type)).lower()
    except ValueError:
        return "no tensor"


def _nodes(model: Any) -> Iterator[Any]:
    """Each node of a model: of its graph, of graphs within nodes, and of its functions."""
    yield from _nodes_in(model.graph.node)
    for function in model.functions:
        yield from _nodes_in(function.node)


def _nodes_in(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes_in(graph.node)


def _tensors(model: Any) -> Iterator[Any]:
    """Each tensor that a model holds."""
    yield from _tensors_of(model.graph)
    owners = (*_nodes(model), *model.functions)
    for owner in owners:
        for attribute in owner.attribute if isinstance(owner, onnx.NodeProto) else owner.attribute_proto:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of(graph)


def _tensors_of(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
