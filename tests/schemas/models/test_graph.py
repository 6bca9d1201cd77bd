"""Graphs that may run, and those that are refused before the runtime sees them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.graph import GraphShape, read_graph
from plaudit_schemas.models.manifest import OutputKind

from tests.support.tiny_models import model_of, word_graph

FIRST = helper.make_node("Cast", ["input_ids"], ["cast"], to=TensorProto.FLOAT)
SUM = helper.make_node("ReduceSum", ["cast", "axes"], ["reward"], keepdims=0)
AXES = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")


def read(
    tmp_path: Path,
    model: onnx.ModelProto,
    files: tuple[str, ...] = ("model.onnx",),
    gives: OutputKind = "reward",
) -> GraphShape:
    onnx.save(model, tmp_path / "model.onnx")
    return read_graph(tmp_path, files, gives)


def refusal(tmp_path: Path, model: onnx.ModelProto) -> str:
    with pytest.raises(ModelCheckError) as refused:
        read(tmp_path, model)
    return str(refused.value)


def external(location: str) -> onnx.TensorProto:
    tensor = TensorProto(name="axes", data_type=TensorProto.INT64, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def branch(node: onnx.NodeProto, tensors: tuple[onnx.TensorProto, ...] = ()) -> onnx.NodeProto:
    """A node that holds another within a graph of its own."""
    out = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "branch", [], [out], initializer=list(tensors))
    return helper.make_node("If", ["condition"], ["branched"], then_branch=graph, else_branch=graph)


def test_a_sound_graph_is_read(tmp_path: Path) -> None:
    shape = read(tmp_path, word_graph())
    assert shape == GraphShape(("input_ids", "attention_mask"), "reward", alone=False)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        pytest.param(
            ("input_ids", "pixel_values"), "takes input_ids, pixel_values; it must take", id="images"
        ),
        pytest.param(("attention_mask",), "takes attention_mask; it must take input_ids", id="no-ids"),
        pytest.param((), "takes nothing; it must take input_ids", id="none"),
    ],
)
def test_other_inputs_are_refused(tmp_path: Path, inputs: tuple[str, ...], told: str) -> None:
    assert told in refusal(tmp_path, model_of([FIRST, SUM], inputs=inputs, constants=[AXES]))


@pytest.mark.parametrize(
    ("elem_type", "dims", "told"),
    [
        pytest.param(TensorProto.INT32, ["b", "t"], "another form than int64 [batch, tokens]", id="int32"),
        pytest.param(TensorProto.INT64, ["b"], "another form than int64 [batch, tokens]", id="one-axis"),
        pytest.param(TensorProto.INT64, ["b", 128], "of a fixed size", id="fixed-tokens"),
        pytest.param(TensorProto.INT64, [8, "t"], "of a fixed size", id="fixed-batch"),
    ],
)
def test_inputs_of_another_form_are_refused(
    tmp_path: Path, elem_type: int, dims: list[str | int], told: str
) -> None:
    model = model_of([FIRST, SUM], inputs=["input_ids"], constants=[AXES])
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("input_ids", elem_type, dims))
    assert told in refusal(tmp_path, model)


def test_weights_that_are_listed_as_inputs_are_none(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], inputs=["input_ids"], constants=[AXES])
    model.graph.input.append(helper.make_tensor_value_info("axes", TensorProto.INT64, [1]))
    assert read(tmp_path, model).inputs == ("input_ids",)


def test_a_batch_of_one_is_fed_one_by_one(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], inputs=["input_ids"], constants=[AXES])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    assert read(tmp_path, model).alone


def test_activations_that_are_quantised_by_the_batch_are_fed_one_by_one(tmp_path: Path) -> None:
    quantise = helper.make_node("DynamicQuantizeLinear", ["cast"], ["q", "scale", "zero"])
    assert read(tmp_path, model_of([FIRST, quantise, SUM], constants=[AXES])).alone


@pytest.mark.parametrize(
    ("shape", "output_type", "told"),
    [
        pytest.param(["batch", 2], TensorProto.FLOAT, "gives reward as float [?, 2]", id="two-labels"),
        pytest.param(
            ["batch", "t", 8], TensorProto.FLOAT, "gives reward as float [?, ?, 8]", id="hidden-states"
        ),
        pytest.param([], TensorProto.FLOAT, "gives reward as float []", id="one-number-for-all"),
        pytest.param(["batch"], TensorProto.INT64, "gives reward as int64 [?]", id="labels"),
        pytest.param(["batch"], TensorProto.DOUBLE, "gives reward as double [?]", id="double"),
    ],
)
def test_another_output_is_refused(
    tmp_path: Path, shape: list[str | int], output_type: int, told: str
) -> None:
    model = model_of([FIRST, SUM], shape=shape, output_type=output_type, constants=[AXES])
    assert told in refusal(tmp_path, model)


@pytest.mark.parametrize(
    "shape",
    [["batch"], ["batch", 1], ["batch", "one"]],
    ids=["a-row-of-numbers", "a-column-of-numbers", "two-axes-without-size"],
)
def test_one_number_for_each_text_is_taken(tmp_path: Path, shape: list[str | int]) -> None:
    assert read(tmp_path, model_of([FIRST, SUM], shape=shape, constants=[AXES])).output == "reward"


def test_the_named_output_is_taken_and_else_the_first(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], constants=[AXES], output="other")
    assert read(tmp_path, model).output == "other"
    for name in ("reward", "probability"):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]))
    assert read(tmp_path, model, gives="reward").output == "reward"
    assert read(tmp_path, model, gives="probability").output == "probability"


def test_an_output_that_the_manifest_calls_otherwise_is_refused(tmp_path: Path) -> None:
    onnx.save(word_graph(), tmp_path / "model.onnx")
    with pytest.raises(ModelCheckError, match="gives a reward, and its manifest says `output: probability`"):
        read_graph(tmp_path, ["model.onnx"], "probability")


def test_a_graph_that_gives_nothing_is_refused(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], constants=[AXES])
    del model.graph.output[:]
    assert "gives nothing" in refusal(tmp_path, model)


CUSTOM = helper.make_node("Steal", ["cast"], ["reward"], domain="evil.com")


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(CUSTOM, id="plain"),
        pytest.param(branch(CUSTOM), id="in-a-branch"),
        pytest.param(branch(branch(CUSTOM)), id="in-a-branch-of-a-branch"),
    ],
)
def test_custom_operators_are_refused(tmp_path: Path, node: onnx.NodeProto) -> None:
    model = model_of([FIRST, node], opsets=[helper.make_opsetid("evil.com", 1)])
    assert "needs the custom operator evil.com::Steal" in refusal(tmp_path, model)


def test_an_operator_that_loads_compiled_code_is_refused(tmp_path: Path) -> None:
    node = helper.make_node(
        "EPContext", ["cast"], ["reward"], domain="com.microsoft", ep_cache_context="x.so"
    )
    assert "com.microsoft::EPContext" in refusal(tmp_path, model_of([FIRST, node]))


def test_functions_of_the_model_itself_are_no_custom_operators(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 20)]
    inner = helper.make_node("Identity", ["x"], ["y"])
    model = model_of([FIRST, helper.make_node("Own", ["cast"], ["reward"], domain="pkg")])
    model.functions.append(helper.make_function("pkg", "Own", ["x"], ["y"], [inner], opsets))
    read(tmp_path, model)
    bad = helper.make_node("Steal", ["x"], ["y"], domain="evil.com")
    model.functions.append(helper.make_function("pkg", "Other", ["x"], ["y"], [bad], opsets))
    assert "evil.com::Steal" in refusal(tmp_path, model)


@pytest.mark.parametrize(
    "location",
    ["../weights", "/etc/passwd", "unlisted.bin", "*/_ORT_MEM_ADDR_/*", "", "model.onnx/../../x"],
    ids=["parent", "absolute", "not-listed", "address-in-memory", "nowhere", "back-through-a-file"],
)
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    model = model_of([FIRST, SUM], constants=[external(location)])
    assert f"asks for weights in {location!r}" in refusal(tmp_path, model)


def test_weights_with_two_places_are_refused(tmp_path: Path) -> None:
    tensor = external("weights.bin")
    tensor.external_data.add(key="location", value="../w")
    (tmp_path / "model.onnx").write_bytes(model_of([FIRST, SUM], constants=[tensor]).SerializeToString())
    with pytest.raises(ModelCheckError, match=r"asks for weights in 'weights\.bin, \.\./w'"):
        read_graph(tmp_path, ["model.onnx", "weights.bin"], "reward")


def test_weights_in_the_usual_value_of_a_function_are_found(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], constants=[AXES])
    function = helper.make_function("pkg", "Own", ["x"], ["y"], [], [helper.make_opsetid("", 20)])
    function.attribute_proto.append(helper.make_attribute("value", external("../w")))
    model.functions.append(function)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelCheckError, match=r"asks for weights in '\.\./w'"):
        read_graph(tmp_path, ["model.onnx"], "reward")


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(helper.make_node("Constant", [], ["c"], value=external("../w")), id="constant"),
        pytest.param(branch(FIRST, (external("../w"),)), id="in-a-branch"),
    ],
)
def test_weights_outside_the_folder_are_found_anywhere(tmp_path: Path, node: onnx.NodeProto) -> None:
    # `onnx.save` would look for the weights.
    model = model_of([FIRST, node, SUM], constants=[AXES])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelCheckError, match=r"asks for weights in '\.\./w'"):
        read_graph(tmp_path, ["model.onnx"], "reward")


def test_weights_in_a_listed_file_are_taken(tmp_path: Path) -> None:
    model = model_of([FIRST, SUM], constants=[external("weights.bin")])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    read_graph(tmp_path, ["model.onnx", "weights.bin"], "reward")


def test_what_is_no_graph_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_graph(tmp_path, (), "reward")
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelCheckError, match="is no ONNX model"):
        read_graph(tmp_path, (), "reward")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelCheckError, match="is no ONNX model: it is empty"):
        read_graph(tmp_path, (), "reward")
