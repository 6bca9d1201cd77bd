"""One graph of an encoder and a head: tokens in, reward out."""

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from plaudit_consumers.training.encoders.graph_parts import OUTPUT
from plaudit_consumers.training.heads import Head

REWARD: Final = "reward"
_PREFIX: Final = "head_"


def composed(encoder: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """The encoder's graph with the head behind it.

    Args:
        encoder: `input_ids` and `attention_mask` -> `OUTPUT` [batch, dimensions]. Other outputs are dropped.
    """
    only = onnx.ModelProto()
    only.CopyFrom(encoder)
    del only.graph.output[:]
    only.graph.output.extend(each for each in encoder.graph.output if each.name == OUTPUT)
    made = compose.merge_models(
        only,
        _head_graph(only, head),
        io_map=[(OUTPUT, "vector")],
        prefix2=_PREFIX,
        producer_name="plaudit",
    )
    _name_output(made)
    onnx.checker.check_model(made, full_check=True)
    return made


def _head_graph(encoder: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """The head as a graph, of the same versions as the encoder's: graphs of different ones do not merge."""
    kind = encoder.graph.output[0].type.tensor_type.elem_type
    weights = numpy_helper.from_array(head.weights.astype(np.float32)[:, None], "weights")
    intercept = numpy_helper.from_array(np.array([head.intercept], dtype=np.float32), "intercept")
    flat = numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat")
    nodes = [
        helper.make_node("Cast", ["vector"], ["precise"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["precise", "weights"], ["column"]),
        helper.make_node("Add", ["column", "intercept"], ["shifted"]),
        helper.make_node("Reshape", ["shifted", "flat"], [REWARD]),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("vector", kind, ["batch", len(head.weights)])],
        [helper.make_tensor_value_info(REWARD, TensorProto.FLOAT, ["batch"])],
        [weights, intercept, flat],
    )
    return helper.make_model(graph, opset_imports=encoder.opset_import, ir_version=encoder.ir_version)


def _name_output(model: onnx.ModelProto) -> None:
    """Call the output `reward`: merging gave it the head's prefix."""
    [output] = model.graph.output
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = REWARD
    output.name = REWARD
