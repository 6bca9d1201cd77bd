"""Runs a graph on ONNX Runtime, on the provider that the settings ask for."""

import logging
import re
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnx

from plaudit_schemas.errors import ModelError, SettingsError
from plaudit_schemas.models.graph import GraphShape
from plaudit_schemas.models.manifest import GRAPH_NAME
from plaudit_schemas.models.packages import runtime_package
from plaudit_schemas.models.runtime_settings import RuntimeSettings

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
_ARENA: Final = {"next_power_of_two": "kNextPowerOfTwo", "same_as_requested": "kSameAsRequested"}
_CAUSE: Final = re.compile(r"(CUDA failure \d+: |Invalid device|Failed to parse provider option)[^;\n]*")
_NOISE: Final = (
    re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : "),
    re.compile(r"Load model from .*? failed: ?"),
    re.compile(r"Exception during initialization: "),
    re.compile(r"/\S+\.(cc|h):\d+ [^()]*\([^()]*\)( const)? ?"),
    re.compile(r"\b\w+\.(cc|h):\d+ (\w+ )?"),
)
"""What ONNX Runtime writes before what is wrong: codes, and places in its own source."""
_NO_OPERATOR: Final = re.compile(
    r"No Op registered for (\w+)|([\w.]+:\w+)\(-?\d+\) is not a registered function/op"
)
_LOG = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Feeds = Mapping[str, npt.NDArray[np.int64]]


class RefusedInputError(ModelError):
    """The graph itself refuses what it was given. Other texts can be scored."""


class GraphSession(Protocol):
    """A graph that is loaded."""

    provider: str

    def run(self, feeds: Feeds) -> npt.NDArray[Any]:
        """The graph's output.

        Raises:
            RefusedInputError: the graph refuses the input.
            ModelError: the runtime failed.
        """
        ...


class OnnxSession:
    """A graph in ONNX Runtime."""

    def __init__(self, session: Any, output: str) -> None:
        self._session = session
        self._output = output
        self.provider: str = session.get_providers()[0]

    def run(self, feeds: Feeds) -> npt.NDArray[Any]:
        """The graph's output.

        Raises:
            RefusedInputError: the graph refuses the input, such as a position that it does not have.
            ModelError: the runtime failed, such as for lack of memory.
        """
        try:
            [output] = self._session.run([self._output], feeds)
        except Exception as error:  # the runtime's errors share no base
            if type(error).__name__ == "InvalidArgument":
                raise RefusedInputError(f"the graph refuses a text: {without_noise(error)}") from None
            raise ModelError(f"ONNX Runtime failed ({self.provider}): {without_noise(error)}") from None
        return cast("npt.NDArray[Any]", output)


def probe_runtime(settings: RuntimeSettings) -> str:
    """The provider that models would run on, as ONNX Runtime names it.

    Raises:
        SettingsError: as `open_session`.
    """
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "probe", [tensor], [other])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    return _open(model.SerializeToString(), "y", settings).provider


def open_session(folder: Path, shape: GraphShape, settings: RuntimeSettings) -> OnnxSession:
    """Load the graph of a folder.

    Raises:
        SettingsError: ONNX Runtime is not installed as it must be, or CUDA is required and does not work.
        ModelError: the graph cannot be loaded, or does not fit the memory.
    """
    return _open(str(folder / GRAPH_NAME), shape.output, settings)


def _open(graph: str | bytes, output: str, settings: RuntimeSettings) -> OnnxSession:
    runtime = load_runtime()
    wanted = wanted_providers(settings, runtime.get_available_providers())
    missing = "" if wanted == [CPU] else preload_cuda(runtime)
    try:
        try:
            session = _start(runtime, graph, settings, wanted)
        except (ValueError, RuntimeError) as error:  # the provider cannot start; a bad graph is another error
            if wanted == [CPU]:
                raise
            missing = missing or cause_of(error)
            session = _start(runtime, graph, settings, [CPU])
    except Exception as error:  # the runtime's errors share no base
        what = graph if isinstance(graph, str) else "its own test"
        raise ModelError(f"ONNX Runtime cannot load {what}: {load_problem(error)}") from None
    opened = OnnxSession(session, output)
    check_provider(opened.provider, wanted, settings, missing)
    return opened


def _start(runtime: Any, graph: str | bytes, settings: RuntimeSettings, providers: list[Any]) -> Any:
    options = session_options(runtime, settings)
    # With its own fallback it prints, and a run in which CUDA fails goes on with the CPU and stays there.
    return runtime.InferenceSession(graph, options, providers=providers, enable_fallback=0)


def load_runtime() -> Any:
    """The module of ONNX Runtime.

    Raises:
        SettingsError: it is not installed, twice, or broken.
    """
    package = runtime_package()
    try:
        import onnxruntime  # noqa: PLC0415  # loaded when used

        onnxruntime.disable_telemetry_events()
        # What fails is raised or read from the session; the rest would only be written to stderr.
        onnxruntime.set_default_logger_severity(4)
    except (ImportError, AttributeError, OSError) as error:
        raise SettingsError(
            f"{package} is installed but cannot be loaded ({told(error)}); run "
            f"`pip install --force-reinstall --no-deps {package}`"
        ) from None
    return onnxruntime


def wanted_providers(
    settings: RuntimeSettings, available: list[str]
) -> list[str | tuple[str, dict[str, str]]]:
    """The providers to ask ONNX Runtime for, the best one first.

    Args:
        available: those that the installed package has.

    Raises:
        SettingsError: CUDA is required and the package has none.
    """
    if settings.onnx_provider == "cpu" or (settings.onnx_provider == "auto" and CUDA not in available):
        return [CPU]
    if CUDA not in available:
        raise SettingsError(
            "PLAUDIT_ONNX_PROVIDER is cuda, and the installed ONNX Runtime has no CUDA; run `pip uninstall "
            "--yes onnxruntime` and then `pip install 'plaudit-infra[score-gpu]'`"
        )
    return [(CUDA, cuda_options(settings)), CPU]


def cuda_options(settings: RuntimeSettings) -> dict[str, str]:
    """The options of the CUDA provider."""
    options = {
        "device_id": str(settings.onnx_device),
        "arena_extend_strategy": _ARENA[settings.onnx_arena],
        "cudnn_conv_algo_search": settings.onnx_cudnn_search.upper(),
        # TF32 keeps 10 bits of a float32: scores would differ from those of the CPU by more than 1e-3.
        "use_tf32": "0",
    }
    if settings.onnx_gpu_memory_mb:
        options["gpu_mem_limit"] = str(settings.onnx_gpu_memory_mb << 20)
    return options


def preload_cuda(runtime: Any) -> str:
    """Load the libraries of CUDA that come from PyPI, and say which is missing."""
    said = StringIO()
    with redirect_stdout(said):  # it prints
        runtime.preload_dlls()
    return next(iter(said.getvalue().splitlines()), "").rstrip(".")


def session_options(runtime: Any, settings: RuntimeSettings) -> Any:
    """The options of a session."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = settings.onnx_threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_mem_pattern = False  # it keeps a plan of the memory for each shape that ever came
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def check_provider(provider: str, wanted: list[Any], settings: RuntimeSettings, missing: str = "") -> None:
    """ONNX Runtime goes on with the CPU without an error if CUDA does not work: refuse that, or say it.

    Args:
        missing: what CUDA lacks, if that is known.

    Raises:
        SettingsError: CUDA is required and is not used.
    """
    if wanted == [CPU] or provider == CUDA:
        return
    reason = f" ({missing})" if missing else ""
    if settings.onnx_provider == "cuda":
        raise SettingsError(
            f"PLAUDIT_ONNX_PROVIDER is cuda, and CUDA device {settings.onnx_device} could not be started"
            f"{reason}; look at `nvidia-smi`, and install a driver for CUDA 13 and plaudit-infra[score-gpu]"
        )
    _LOG.warning("CUDA does not work here%s; the model runs on the CPU", reason)


def cause_of(error: BaseException) -> str:
    """Why CUDA did not start, without the places in ONNX Runtime's own files, if it says why."""
    found = _CAUSE.search(str(error))
    return found[0].strip() if found else told(error)


def load_problem(error: BaseException) -> str:
    """Why a graph cannot be loaded, and what to do."""
    if missing := _NO_OPERATOR.search(str(error)):
        name = missing[1] or missing[2]
        return f"it does not have the operator {name}; export the model with standard operators"
    return f"{without_noise(error).rstrip('.')}; export the model again, or update ONNX Runtime"


def without_noise(error: BaseException) -> str:
    """What an error of ONNX Runtime says, in one line."""
    text = " ".join(str(error).split())
    for noise in _NOISE:
        text = noise.sub("", text)
    return told(ModelError(text or type(error).__name__))


def told(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}..."
