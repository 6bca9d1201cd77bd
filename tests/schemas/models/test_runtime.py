"""The provider that a model runs on: the one that is asked for, or a refusal."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from plaudit_schemas.errors import ModelError, SettingsError
from plaudit_schemas.models import runtime
from plaudit_schemas.models.graph import GraphShape
from plaudit_schemas.models.runtime import (
    CPU,
    CUDA,
    OnnxSession,
    RefusedInputError,
    cause_of,
    check_provider,
    cuda_options,
    load_runtime,
    open_session,
    preload_cuda,
    probe_runtime,
    session_options,
    told,
    wanted_providers,
)
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.settings import load

from tests.support.tiny_models import word_graph

AUTO, ON_CPU, ON_CUDA = (RuntimeSettings(onnx_provider=each) for each in ("auto", "cpu", "cuda"))
SHAPE = GraphShape(("input_ids", "attention_mask"), "reward", alone=False)


def test_settings_come_from_the_environment() -> None:
    made = load(RuntimeSettings, environ={"PLAUDIT_ONNX_PROVIDER": "cpu", "PLAUDIT_ONNX_BATCH_TOKENS": "7"})
    assert (made.onnx_provider, made.batch_tokens(cuda=False), made.batch_tokens(cuda=True)) == ("cpu", 7, 7)
    assert (AUTO.batch_tokens(cuda=False), AUTO.batch_tokens(cuda=True)) == (1024, 16384)


@pytest.mark.parametrize(
    "wrong", [{"PLAUDIT_ONNX_PROVIDER": "gpu"}, {"PLAUDIT_ONNX_THREADS": "0"}], ids=["provider", "threads"]
)
def test_a_wrong_setting_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="PLAUDIT_ONNX_"):
        load(RuntimeSettings, environ=wrong)


def test_the_cpu_is_asked_for_alone_where_cuda_is_not_wanted_or_not_there() -> None:
    assert wanted_providers(ON_CPU, [CUDA, CPU]) == [CPU]
    assert wanted_providers(AUTO, [CPU]) == [CPU]
    assert wanted_providers(AUTO, [CUDA, CPU]) == [(CUDA, cuda_options(AUTO)), CPU]


def test_cuda_without_a_package_that_has_it_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"has no CUDA; run .*plaudit-infra\[score-gpu\]"):
        wanted_providers(ON_CUDA, [CPU])


def test_cuda_gets_the_settings() -> None:
    settings = RuntimeSettings(
        onnx_device=1,
        onnx_gpu_memory_mb=512,
        onnx_arena="next_power_of_two",
        onnx_cudnn_search="exhaustive",
    )
    assert cuda_options(settings) == {
        "device_id": "1",
        "gpu_mem_limit": str(512 * 1024 * 1024),
        "arena_extend_strategy": "kNextPowerOfTwo",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "use_tf32": "0",
    }
    assert "gpu_mem_limit" not in cuda_options(AUTO)


def test_a_silent_fall_back_to_the_cpu_is_refused_or_said(caplog: pytest.LogCaptureFixture) -> None:
    wanted = wanted_providers(ON_CUDA, [CUDA, CPU])
    check_provider(CUDA, wanted, ON_CUDA)
    check_provider(CPU, [CPU], ON_CPU)
    assert not caplog.records
    with pytest.raises(SettingsError, match=r"CUDA device 0 could not be started \(no libcudart\)"):
        check_provider(CPU, wanted, ON_CUDA, "no libcudart")
    check_provider(CPU, wanted, AUTO)
    assert "CUDA does not work here; the model runs on the CPU" in caplog.text


def test_what_the_runtime_prints_of_missing_libraries_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    found = preload_cuda(SimpleNamespace(preload_dlls=lambda: print("Failed to load libcudart.\nmore")))
    assert found == "Failed to load libcudart"
    assert preload_cuda(SimpleNamespace(preload_dlls=lambda: None)) == ""
    assert capsys.readouterr().out == ""


def test_the_runtime_here_is_the_cpus() -> None:
    assert probe_runtime(AUTO) == CPU


def test_sessions_take_the_threads_and_do_not_spin() -> None:
    options = session_options(load_runtime(), RuntimeSettings(onnx_threads=3))
    assert (options.intra_op_num_threads, options.use_deterministic_compute) == (3, True)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the module after the other package was removed."""
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))


def test_a_package_without_content_is_told_with_its_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    with pytest.raises(SettingsError, match="pip install --force-reinstall --no-deps onnxruntime"):
        load_runtime()


def test_a_graph_that_the_runtime_does_not_take_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match=r"ONNX Runtime cannot load .*model\.onnx: "):
        open_session(tmp_path, SHAPE, ON_CPU)


def newer_format(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Steal"


def unknown_operator_of_microsoft(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type, model.graph.node[0].domain = "Steal", "com.microsoft"
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (newer_format, "model.onnx: Unsupported model IR version: 99, max"),
        (unknown_operator, "model.onnx: it does not have the operator Steal; export the model with"),
        (unknown_operator_of_microsoft, "model.onnx: it does not have the operator com.microsoft:Steal; "),
    ],
    ids=["newer-format", "unknown-operator", "unknown-operator-of-microsoft"],
)
def test_what_the_runtime_lacks_is_told_without_places_in_its_source(
    tmp_path: Path, spoil: Callable[[onnx.ModelProto], None], told: str
) -> None:
    model = word_graph()
    spoil(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as refused:
        open_session(tmp_path, SHAPE, ON_CPU)
    assert told in str(refused.value)


def test_a_graph_that_refuses_a_text_and_a_runtime_that_fails_differ(written: Path) -> None:
    session = open_session(written, SHAPE, ON_CPU)
    ones = np.ones((1, 2), dtype=np.int64)
    assert session.run({"input_ids": ones, "attention_mask": ones}).shape == (1,)
    with pytest.raises(RefusedInputError, match="graph refuses a text"):
        session.run({"input_ids": ones * 10_000, "attention_mask": ones})

    class Failing:
        def get_providers(self) -> list[str]:
            return [CUDA]

        def run(self, *_: Any) -> None:
            raise RuntimeError("out\nof memory")

    with pytest.raises(ModelError, match=r"ONNX Runtime failed \(CUDAExecutionProvider\): out of memory"):
        OnnxSession(Failing(), "reward").run({})


def test_an_error_is_told_in_one_line() -> None:
    assert told(ValueError("a\n  b")) == "a b"
    assert told(ValueError()) == "ValueError"
    assert told(ValueError("x" * 1000)) == "x" * 300 + "..."


def test_a_cuda_that_does_not_start_falls_back_in_auto_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def get_providers(self) -> list[str]:
            return [CPU]

    real = load_runtime()
    fake = SimpleNamespace(
        InferenceSession=Session,
        SessionOptions=real.SessionOptions,
        get_available_providers=lambda: [CUDA, CPU],
        preload_dlls=lambda: print("Failed to load libcublas"),
    )
    monkeypatch.setattr(runtime, "load_runtime", lambda: fake)
    assert probe_runtime(AUTO) == CPU
    with pytest.raises(SettingsError, match=r"could not be started.*libcublas"):
        probe_runtime(ON_CUDA)


class DeadCuda:
    """A runtime whose CUDA cannot start: it raises, as with a device that is not there."""

    def __init__(self, _: object, __: object, *, providers: list[Any], enable_fallback: int) -> None:
        assert not enable_fallback
        if providers != [CPU]:
            raise RuntimeError("/src/x.cc:129 Call() CUDA failure 101: invalid device ordinal ; GPU=7")

    def get_providers(self) -> list[str]:
        return [CPU]


def test_a_cause_that_is_not_known_is_told_as_it_is() -> None:
    assert cause_of(RuntimeError("no\nidea")) == "no idea"


def test_a_cuda_that_cannot_start_is_refused_or_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    real = load_runtime()
    dead = SimpleNamespace(
        InferenceSession=DeadCuda,
        SessionOptions=real.SessionOptions,
        get_available_providers=lambda: [CUDA, CPU],
        preload_dlls=lambda: None,
    )
    monkeypatch.setattr(runtime, "load_runtime", lambda: dead)
    with pytest.raises(
        SettingsError, match=r"device 7 could not be started \(CUDA failure 101: invalid device ordinal\)"
    ):
        probe_runtime(RuntimeSettings(onnx_provider="cuda", onnx_device=7))
    assert probe_runtime(AUTO) == CPU
    assert "invalid device ordinal" in caplog.text
    assert capsys.readouterr().out == ""
