"""Makes a classifier's graph end in one number."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from plaudit_schemas.models.manifest import GRAPH_NAME

from plaudit_consumers.training.encoders.graph_parts import GraphParts
from plaudit_consumers.training.errors import ExportError

_LOGITS, _REWARD = "logits", "reward"
_LARGEST_FILE = 1 << 30
"""Above this the weights stay in a file of their own: a graph of 2 GiB cannot be read."""


def end_in_reward(source: Path, folder: Path, label: int | None, *, apart: bool = False) -> None:
    """Write a graph that gives `reward` [batch] in place of logits [batch, labels].

    The reward is the logarithm of the odds of one label against all others, so its sigmoid is the probability
    that the model gives this label. Without a label it is the only logit.

    Args:
        source: the graph's file, with its weights beside it.
        folder: of the model to write.
        apart: each label has a probability of its own, so the reward is the label's logit.

    Raises:
        ExportError: the graph gives no logits.
    """
    size = sum(path.stat().st_size for path in source.parent.iterdir())
    model = onnx.load(source)
    logits = next((value for value in model.graph.output if value.name == _LOGITS), None)
    if logits is None:
        given = ", ".join(value.name for value in model.graph.output)
        raise ExportError(f"the exported graph gives {given} and no {_LOGITS}")
    parts = GraphParts("plaudit_")
    numbers = parts.add("Cast", _LOGITS, to=TensorProto.FLOAT)
    labels = int(logits.type.tensor_type.shape.dim[-1].dim_value)
    odds = numbers if label is None else _odds(parts, numbers, label, 1 if apart else labels)
    flat = parts.add("Reshape", odds, parts.constant(np.array([-1], np.int64)))
    parts.nodes.append(helper.make_node("Identity", [flat], [_REWARD], _REWARD))
    model.graph.node.extend(parts.nodes)
    model.graph.initializer.extend(parts.constants)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(_REWARD, TensorProto.FLOAT, ["batch"]))
    onnx.save(
        model,
        folder / GRAPH_NAME,
        save_as_external_data=size > _LARGEST_FILE,
        location=f"{GRAPH_NAME}.data",
    )


def _odds(parts: GraphParts, logits: str, label: int, labels: int) -> str:
    one = parts.add("Gather", logits, parts.constant(np.array([label], np.int64)), axis=1)
    if labels == 1:
        return one
    others = np.array([number for number in range(labels) if number != label], np.int64)
    rest = parts.add("Gather", logits, parts.constant(others), axis=1)
    return parts.add("Sub", one, parts.add("ReduceLogSumExp", rest, parts.constant(np.array([1], np.int64))))
