"""A model from its folder: scores that do not depend on their neighbours, and all that is refused."""

import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.canaries import prove
from plaudit_schemas.models.inputs import Turn
from plaudit_schemas.models.manifest import MANIFEST_NAME, Canary
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.model import OnnxModel, feeds, load_model, numbers, open_model
from plaudit_schemas.models.runtime import Feeds, GraphSession
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.scores import AnswerModel
from plaudit_schemas.models.sealing import seal_model
from plaudit_schemas.models.tokenising import Tokens

from tests.support.tiny_models import USUAL, model_of, word_graph, write_model, write_tokenizer

CPU = RuntimeSettings(onnx_provider="cpu")


def test_a_model_scores_texts(written: Path) -> None:
    model: AnswerModel = open_model(written, CPU)
    assert (model.name, model.version, model.input, model.aspect) == ("polite", "1", "answer", "satisfaction")
    assert model.sha256 == read_manifest(written)[1]
    assert model.provider == "CPUExecutionProvider"
    assert model.input_of([Turn("user", "a"), Turn("assistant", "b")]) == "b"
    thanks, rude, nothing = model.score(["Thanks!", "rude, rude", "thanks " * 100])
    assert (thanks.number, thanks.reward, thanks.cut) == (round(1 / (1 + math.exp(-2)), 3), 2.0, False)
    assert (rude.number, rude.confidence) == (round(1 / (1 + math.exp(6)), 3), rude.confidence)
    assert (nothing.tokens, nothing.cut, nothing.reward) == (64, True, 128.0)
    assert model.score([]) == []


@pytest.mark.slow
def test_a_score_does_not_depend_on_its_neighbours(written: Path) -> None:
    texts = [("thanks please rude x " * 20)[:length] for length in range(80)] + ["\ud800", ""]
    scores = [
        open_model(written, RuntimeSettings(onnx_provider="cpu", onnx_batch_tokens=most)).score(texts)
        for most in (1, 30, 5000)
    ]
    assert scores[0] == scores[1] == scores[2]
    assert [open_model(written, CPU).score([text])[0] for text in texts] == scores[0]
    assert open_model(written, CPU).score(texts[::-1]) == scores[0][::-1]


def test_more_texts_than_are_batched_together_keep_their_order(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plaudit_schemas.models.model._AT_ONCE", 3)
    texts = ["thanks " * count for count in (5, 1, 4, 2, 3, 0, 6)]
    assert [each.tokens for each in open_model(written, CPU).score(texts)] == [5, 1, 4, 2, 3, 0, 6]


def test_padding_is_counted(written: Path) -> None:
    model = open_model(written, CPU)
    before = model.padding
    model.score(["thanks " * 8, "thanks " * 9])
    assert model.padding - before == 1


def test_a_closed_model_refuses_to_score(written: Path) -> None:
    model = open_model(written, CPU)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="polite@1 was closed"):
        model.score(["a"])


def test_a_graph_without_mask_is_never_padded(tmp_path: Path) -> None:
    table = np.array([100.0, 1.0, 2.0], dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["of_tokens"]),
        helper.make_node("ReduceSum", ["of_tokens", "axes"], ["reward"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
    ]
    graph = model_of(nodes, inputs=["input_ids"], constants=constants)
    write_model(tmp_path / "m", weights={"thanks": 2.0}, graph=graph, canaries=["thanks", "thanks x"])
    model = open_model(tmp_path / "m", CPU)
    assert [each.reward for each in model.score(["thanks", "thanks x", "x", "x x"])] == [2.0, 3.0, 1.0, 2.0]
    assert model.padding == 0


def quantised_graph() -> onnx.ModelProto:
    """The weights' sum, by way of numbers of eight bits whose scale depends on the whole batch."""
    graph = word_graph({"thanks": 0.011, "please": 1.0})
    of_tokens, *others = graph.graph.node
    of_tokens.output[0] = "exact"
    del graph.graph.node[:]
    graph.graph.node.extend(
        [
            of_tokens,
            helper.make_node("DynamicQuantizeLinear", ["exact"], ["q", "scale", "zero"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["of_tokens"]),
            *others,
        ]
    )
    return graph


def fixed_graph() -> onnx.ModelProto:
    """The usual graph with a batch that is fixed at one."""
    graph = word_graph()
    for value in graph.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return graph


@pytest.mark.parametrize("graph", [quantised_graph(), fixed_graph()], ids=["dynamic-int8", "batch-of-one"])
def test_graphs_that_must_be_fed_one_by_one_are(tmp_path: Path, graph: onnx.ModelProto) -> None:
    write_model(tmp_path / "m", weights={"thanks": 0.011, "please": 1.0}, graph=graph, canaries=["thanks x"])
    model = open_model(tmp_path / "m", CPU)
    texts = ["thanks x", "x x", "please x"]
    assert model.score(texts) == [model.score([text])[0] for text in texts]


def test_a_model_that_does_not_fit_the_memory_is_refused(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plaudit_schemas.models.memory.available_bytes", lambda: 10)
    with pytest.raises(ModelError, match="needs about 0 MiB of memory to be loaded, and 0 MiB are free"):
        open_model(written, CPU)


def test_token_types_and_half_precision_are_taken(tmp_path: Path) -> None:
    graph = word_graph()
    graph.graph.node[-1].output[0] = "full"
    graph.graph.node.append(helper.make_node("Cast", ["full"], ["half"], to=TensorProto.FLOAT16))
    graph.graph.node.append(helper.make_node("Unsqueeze", ["half", "axes"], ["reward"]))
    graph.graph.output[0].CopyFrom(helper.make_tensor_value_info("reward", TensorProto.FLOAT16, ["batch", 1]))
    graph.graph.input.append(
        helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, ["batch", "t"])
    )
    write_model(tmp_path / "m", graph=graph)
    assert open_model(tmp_path / "m", CPU).score(["thanks"])[0].reward == 2.0


def dividing_graph() -> onnx.ModelProto:
    """Gives 1 / (number of tokens - 2): infinite for a text of two."""
    nodes = [
        helper.make_node("ReduceSum", ["attention_mask", "axes"], ["count"], keepdims=0),
        helper.make_node("Cast", ["count"], ["tokens"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["tokens", "two"], ["less"]),
        helper.make_node("Reciprocal", ["less"], ["reward"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
        numpy_helper.from_array(np.array(2, dtype=np.float32), "two"),
    ]
    return model_of(nodes, constants=constants)


def test_an_output_that_is_no_number_spoils_no_other(tmp_path: Path) -> None:
    write_model(tmp_path / "m", graph=dividing_graph(), canaries=["a b c"])
    scores = open_model(tmp_path / "m", CPU).score(["a b c", "a b", "a b d"])
    assert [math.isnan(each.number) for each in scores] == [False, True, False]


def test_a_text_that_the_graph_refuses_spoils_no_other(tmp_path: Path) -> None:
    # The tokenizer knows a word more than the graph's table has rows.
    write_model(tmp_path / "m", canaries=["thanks"])
    write_tokenizer(tmp_path / "m", {"thanks": 2.0, "please": 1.0, "rude": -3.0, "long": 0.0, "new": 0.0})
    seal_model(tmp_path / "m", USUAL, ["thanks"])
    scores = open_model(tmp_path / "m", CPU).score(["thanks", "new", "please"])
    assert [math.isnan(each.number) for each in scores] == [False, True, False]


class Rows(GraphSession):
    """A graph that gives `answer(rows, tokens)`."""

    provider = "CPUExecutionProvider"

    def __init__(self, answer: Callable[[int, int], np.ndarray]) -> None:
        self._answer = answer

    def run(self, feeds: Feeds) -> np.ndarray:
        return self._answer(*feeds["input_ids"].shape)


def with_session(folder: Path, session: GraphSession) -> OnnxModel:
    model = load_model(folder, read_manifest(folder)[0], CPU)
    model._session = session
    return model


def test_an_output_of_another_shape_refuses_the_texts(written: Path) -> None:
    one_too_many = Rows(lambda rows, _: np.zeros(rows + 1, dtype=np.float32))
    model = with_session(written, one_too_many)
    scores = model.score(["a", "b"])
    assert model.refused == "the graph gives numbers of shape [2] instead of one for each text"
    assert all(math.isnan(each.number) for each in scores)
    only_alone = Rows(lambda *_: np.zeros(1, dtype=np.float32))
    assert [each.number for each in with_session(written, only_alone).score(["a", "b"])] == [0.5, 0.5]


def test_a_failing_runtime_raises_and_scores_nothing(written: Path) -> None:
    def fail(*_: int) -> np.ndarray:
        raise ModelError("out of memory")

    with pytest.raises(ModelError, match="out of memory"):
        with_session(written, Rows(fail)).score(["a"])


def test_scores_that_depend_on_neighbours_are_found(written: Path) -> None:
    by_batch = Rows(lambda rows, _: np.full(rows, float(rows > 1), dtype=np.float32))
    model = with_session(written, by_batch)
    manifest = read_manifest(written)[0]
    half = manifest.model_copy(update={"canaries": (Canary(text="thanks", score=0.5),)})
    with pytest.raises(ModelCheckError, match="a score may not depend on its neighbours"):
        prove(model, half)


@pytest.mark.parametrize("text", ["thanks", ""], ids=["of-words", "empty"])
def test_a_text_of_full_length_is_tried(written: Path, text: str) -> None:
    def short_only(rows: int, tokens: int) -> np.ndarray:
        return np.full(rows, math.nan if tokens > 32 else 0.0, dtype=np.float32)

    manifest = read_manifest(written)[0].model_copy(update={"canaries": (Canary(text=text, score=0.5),)})
    with pytest.raises(ModelCheckError, match="no number for a text of 64 tokens; its max_tokens is 64"):
        prove(with_session(written, Rows(short_only)), manifest)


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST_NAME
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def test_other_scores_than_promised_are_refused(folder: Path) -> None:
    rewrite(folder, canaries=[{"text": "thanks", "score": 0.5}])
    with pytest.raises(
        ModelCheckError, match=r"gives 0\.881 for the canary 'thanks', and its manifest promises 0\.500"
    ):
        open_model(folder, CPU)
    rewrite(folder, canaries=[{"text": "thanks", "score": 0.88}])
    open_model(folder, CPU)


def test_a_canary_without_a_number_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_model(folder, graph=dividing_graph(), canaries=["a b c"])
    with pytest.raises(ModelCheckError, match="gives no number for the canary 'a b'"):
        write_model(folder, graph=dividing_graph(), canaries=["a b"])
    rewrite(folder, canaries=[{"text": "a b", "score": 0.5}])
    with pytest.raises(
        ModelCheckError, match="gives no number for the canary 'a b', because the graph gives inf, which"
    ):
        open_model(folder, CPU)


def wrong_hash(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")


def no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    files = yaml.safe_load((folder / MANIFEST_NAME).read_text())["files"]
    rewrite(folder, files={"model.onnx": files["model.onnx"]})


def stray_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def unknown_field(folder: Path) -> None:
    rewrite(folder, temperature=1)


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "wrong-hash": (wrong_hash, "its sha256 differs"),
    "no-tokenizer": (no_tokenizer, "has no tokenizer: it lacks tokenizer.json; save"),
    "stray-file": (stray_file, "holds notes.txt, which its manifest does not list"),
    "no-folder": (no_folder, "it has no plaudit-model.yaml"),
    "unknown-field": (unknown_field, "temperature: there is no such field"),
}


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_folder_is_refused(folder: Path, spoil: Callable[[Path], None], told: str) -> None:
    spoil(folder)
    with pytest.raises(ModelError) as refused:
        open_model(folder, CPU)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_canaries_of_odd_texts_are_kept(tmp_path: Path) -> None:
    odd = ["\ud800 thanks", "\x00\x07\u2028 thanks", " thanks\n", "\U0001f600", "y", "1.0", "null"]
    made = write_model(tmp_path / "m", canaries=odd)
    assert [each.text for each in read_manifest(tmp_path / "m")[0].canaries] == odd
    assert open_model(tmp_path / "m", CPU).manifest == made


def test_sealing_refuses_a_manifest_that_is_wrong(folder: Path) -> None:
    with pytest.raises(ModelCheckError, match="versoin: there is no such field; did you mean version"):
        seal_model(folder, {**USUAL, "versoin": "2"}, ["thanks"])
    with pytest.raises(ModelCheckError, match="canaries: is empty"):
        seal_model(folder, USUAL, [])


def test_the_same_folder_gives_the_same_scores_in_any_thread(written: Path) -> None:
    scores = []
    model = open_model(written, CPU)
    threads = [threading.Thread(target=lambda: scores.append(model.score(["thanks"]))) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert scores[0] == scores[1] == model.score(["thanks"])


def test_inputs_are_padded_at_their_ends() -> None:
    from plaudit_schemas.models.graph import GraphShape

    shape = GraphShape(("input_ids", "attention_mask"), "reward", alone=False)
    made = feeds([Tokens([5, 6], cut=False), Tokens([7], cut=False), Tokens([], cut=False)], shape, 9)
    assert made["input_ids"].tolist() == [[5, 6], [7, 9], [9, 9]]
    assert made["attention_mask"].tolist() == [[1, 1], [1, 0], [0, 0]]
    assert list(made) == ["input_ids", "attention_mask"]
    assert feeds([Tokens([], cut=False)], shape, 9)["input_ids"].tolist() == [[9]]


def test_numbers_of_an_output() -> None:
    assert numbers(np.array([1.5, 2.0], dtype=np.float16), 2) == [1.5, 2.0]
    assert numbers(np.array([[1.5], [2.0]]), 2) == [1.5, 2.0]
    assert numbers(np.zeros((2, 2)), 2) is None
    assert numbers(np.zeros((1, 2)), 2) is None
    assert numbers(np.array(1.0), 1) is None
