"""Logits become the odds of one label."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from plaudit_consumers.training.errors import ExportError
from plaudit_consumers.training.label_odds import end_in_reward

LOGITS = np.array([[1.0, -2.0, 0.5], [80.0, -90.0, 75.0], [0.0, 0.0, 0.0]], np.float32)


def write_graph(folder: Path, labels: int, *, half: bool = False, output: str = "logits") -> Path:
    """A graph that looks logits up: text n has the row n."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    table = LOGITS[:, :labels].astype(np.float16 if half else np.float32)
    nodes = [
        helper.make_node("Gather", ["input_ids", "first"], ["number"], axis=1),
        helper.make_node("Gather", ["table", "number"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info(output, kind, ["batch", labels])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array(0, np.int64), "first")],
    )
    (folder / "exported").mkdir()
    path = folder / "exported" / "graph.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def rewards(folder: Path) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    [found] = session.run(["reward"], {"input_ids": np.array([[0, 9], [1, 9], [2, 9]], np.int64)})
    return np.asarray(found)


@pytest.mark.parametrize("labels", [2, 3], ids=["two-labels", "three-labels"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_the_sigmoid_of_the_reward_is_the_probability(tmp_path: Path, labels: int, half: bool) -> None:
    end_in_reward(write_graph(tmp_path, labels, half=half), tmp_path, 1)
    logits = LOGITS[:, :labels].astype(np.float64)
    wanted = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-rewards(tmp_path).astype(np.float64))), wanted, atol=1e-5)
    assert np.isfinite(rewards(tmp_path)).all()


def test_of_labels_that_are_apart_the_logit_stands_alone(tmp_path: Path) -> None:
    end_in_reward(write_graph(tmp_path, 3), tmp_path, 2, apart=True)
    np.testing.assert_allclose(rewards(tmp_path), LOGITS[:, 2])


def test_the_only_output_is_the_reward(tmp_path: Path) -> None:
    end_in_reward(write_graph(tmp_path, 1), tmp_path, None)
    np.testing.assert_allclose(rewards(tmp_path), LOGITS[:, 0])
    assert rewards(tmp_path).shape == (3,)


def test_a_graph_without_logits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="gives hidden and no logits"):
        end_in_reward(write_graph(tmp_path, 2, output="hidden"), tmp_path, 1)
