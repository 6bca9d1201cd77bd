"""An encoder and a head in one graph."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from plaudit_consumers.training.compose import composed
from plaudit_consumers.training.encoders.distilling import static_graph
from plaudit_consumers.training.encoders.graph_parts import OUTPUT
from plaudit_consumers.training.heads import Head

_IDS = np.array([[1, 2, 0], [3, 3, 3], [2, 0, 0]], dtype=np.int64)
_FEEDS = {"input_ids": _IDS, "attention_mask": (_IDS > 0).astype(np.int64)}


def _encoder() -> onnx.ModelProto:
    table = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    return static_graph(table)


def _run(model: onnx.ModelProto) -> list[np.ndarray]:
    return list(onnxruntime.InferenceSession(model.SerializeToString()).run(None, _FEEDS))


def _older(model: onnx.ModelProto) -> onnx.ModelProto:
    model.ir_version = 8
    model.opset_import[0].version = 17
    return model


def _talkative(model: onnx.ModelProto) -> onnx.ModelProto:
    model.graph.node.append(helper.make_node("Shape", ["input_ids"], ["size"]))
    model.graph.output.insert(0, helper.make_tensor_value_info("size", TensorProto.INT64, [2]))
    return model


@pytest.mark.parametrize(
    "change", [lambda model: model, _older, _talkative], ids=["ours", "older", "talkative"]
)
def test_the_graph_gives_the_heads_rewards(change: object) -> None:
    assert callable(change)
    encoder = change(_encoder())
    before = encoder.SerializeToString()
    head = Head(np.array([0.5, -1.0, 2.0, 0.25, 3.0]), -0.75)
    graph = composed(encoder, head)
    [vectors] = _run(_encoder())
    [rewards] = _run(graph)
    assert [output.name for output in graph.graph.output] == ["reward"]
    assert rewards.shape == (3,)
    assert rewards == pytest.approx(head.rewards(vectors), abs=1e-5)
    assert encoder.SerializeToString() == before


def test_half_precision_ends_before_the_head() -> None:
    model = _encoder()
    model.graph.node.append(helper.make_node("Cast", [OUTPUT], ["half"], to=TensorProto.FLOAT16))
    model.graph.node.append(helper.make_node("Identity", ["half"], ["out"]))
    [output] = model.graph.output
    del model.graph.output[:]
    for node in model.graph.node:
        node.input[:] = ["exact" if name == OUTPUT else name for name in node.input]
        node.output[:] = [{OUTPUT: "exact", "out": OUTPUT}.get(name, name) for name in node.output]
    output.type.tensor_type.elem_type = TensorProto.FLOAT16
    model.graph.output.append(output)
    head = Head(np.array([0.5, -1.0, 2.0, 0.25, 3.0]))
    [rewards] = _run(composed(model, head))
    assert rewards.dtype == np.float32
    assert rewards == pytest.approx(head.rewards(_run(_encoder())[0]), abs=1e-2)


def test_the_same_head_gives_the_same_bytes(tmp_path: Path) -> None:
    head = Head(np.ones(5), 1.0)
    one, other = (composed(_encoder(), head).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other
