"""What graphs are put together from."""

from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OUTPUT = "embedding"
"""The name of an encoder's output: float32 [batch, dimensions], each vector of length 1."""
IR_VERSION, OPSET = 10, 20
"""Of every graph that is built here. Graphs that are composed must agree in both."""
Pooling = Literal["mean", "cls"]
_SMALLEST_NORM = 1e-12


class GraphParts:
    """Nodes and tensors of a graph in the making, from `input_ids` and `attention_mask` [batch, tokens].

    They need opset 13 or later.
    """

    def __init__(self, prefix: str = "") -> None:
        """Takes what all names begin with."""
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node. Returns the name of its output."""
        output = f"{self._prefix}{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, value: NDArray[Any], name: str | None = None) -> str:
        """Add a tensor. Returns its name."""
        name = self._prefix + (name or f"constant_{len(self.constants)}")
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def unsqueezed(self, tensor: str, *axes: int) -> str:
        """The tensor with further axes of length 1."""
        return self.add("Unsqueeze", tensor, self.constant(np.array(axes, np.int64)))

    def length_of_input(self) -> str:
        """How many tokens the batch is wide: [1]."""
        return self.add("Shape", "input_ids", start=1, end=2)

    def pooled(self, hidden: str, pooling: Pooling) -> None:
        """End in one vector for each text, given the tokens' vectors [batch, tokens, n] of any float type."""
        if pooling == "cls":
            self.normed(self.add("Gather", hidden, self.constant(np.array(0, np.int64)), axis=1))
            return
        mask = self.add("Cast", self.unsqueezed("attention_mask", 2), to=TensorProto.FLOAT)
        counted = self.add("Mul", self.add("Cast", hidden, to=TensorProto.FLOAT), mask)
        # The sum has the direction of the mean, and only the direction is kept.
        self.normed(self.add("ReduceSum", counted, self._axis(1), keepdims=0))

    def normed(self, vectors: str) -> None:
        """End in float32 vectors of length 1, given vectors [batch, n] of any float type."""
        vectors = self.add("Cast", vectors, to=TensorProto.FLOAT)
        squares = self.add("ReduceSum", self.add("Mul", vectors, vectors), self._axis(1), keepdims=1)
        # A text without a known token has the vector 0.
        norm = self.add("Max", self.add("Sqrt", squares), self.constant(np.array(_SMALLEST_NORM, np.float32)))
        self.nodes.append(helper.make_node("Div", [vectors, norm], [OUTPUT], self._prefix + OUTPUT))

    def model(self, dimensions: int) -> onnx.ModelProto:
        """The graph, once it has ended."""
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [_ids("input_ids"), _ids("attention_mask")],
            [output_of(dimensions)],
            self.constants,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[opset], producer_name="plaudit")

    def _axis(self, axis: int) -> str:
        return self.constant(np.array([axis], np.int64))


def output_of(dimensions: int) -> onnx.ValueInfoProto:
    """The declaration of an encoder's output."""
    return helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dimensions])


def _ids(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
