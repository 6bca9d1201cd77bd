"""`python -m benchmarks.scoring.device SOURCE OUTPUT`: checks and figures of CUDA, on a machine with a GPU.

SOURCE holds MiniLM's plain files (model.safetensors, config.json, tokenizer.json, ...). The figures go to
OUTPUT as JSON. BENCH_TEXTS names the texts. `--rehearse` runs all that the CPU can.

The machine needs the packages of the extra `score-gpu`, safetensors and, to compare with it, torch. It
fetches nothing.
`python -m benchmarks.scoring.device --record OUTPUT` writes the figures into RESULTS.md, on any machine.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.report import Measured, now, save
from benchmarks.scoring.cuda import measure
from benchmarks.scoring.texts import answers

ABOUT = "MiniLM on a GPU: fp16 on ONNX Runtime beside fp32 on PyTorch and the CPU of the same machine."
OF_CHECKS = 500
FP16_TOLERANCE = 2e-3
"""As for canaries (`plaudit_schemas.models.canaries`)."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--answers", type=int, default=4000)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.record:
        save(Measured(**json.loads(arguments.paths[0].read_text())))
        return 0
    source, output = arguments.paths
    device = "cpu" if arguments.rehearse else "cuda"
    texts = answers(arguments.answers)
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folders = folders_of(source, Path(name))
        for check, passed, told in checks(folders, source, texts[:OF_CHECKS], device):
            failed += not passed
            print(f"{'ok  ' if passed else 'FAIL'} {check}: {told}", flush=True)
        rows = measure(folders, source, texts, arguments.repetitions, device)
    names = ("TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS")
    environ = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    command = " ".join([*environ, "python -m benchmarks.scoring.device"])
    made = Measured("scorer-gpu", ABOUT, command, now(), machine(), arguments.repetitions, rows)
    output.write_text(json.dumps(asdict(made), indent=1))
    for row in rows:
        ratio = f"   {row['ratio']:.2f} x {row['ratio_to']}" if row["ratio_to"] else ""
        print(f"{row['case']:<44}{row['median']:>12,.2f} {row['unit']}{ratio}", flush=True)
    return 1 if failed else 0


def folders_of(source: Path, work: Path) -> Mapping[str, Path]:
    """Models of MiniLM in fp32 and fp16, made on this machine."""
    from plaudit_consumers.training.encoders.building import About, Precision, build_transformer  # noqa: PLC0415
    from plaudit_consumers.training.encoders.encoder import open_encoder  # noqa: PLC0415

    from benchmarks.scoring.folders import write_folder  # noqa: PLC0415

    folders: dict[str, Path] = {}
    precisions: tuple[Precision, ...] = ("fp32", "fp16")
    for precision in precisions:
        encoder = work / f"encoder-{precision}"
        build_transformer(source, encoder, About(f"minilm-{precision}"), precision)
        folders[precision] = write_folder(work / precision, open_encoder(encoder), precision)
    return folders


def checks(
    folders: Mapping[str, Path], source: Path, texts: Sequence[str], device: str
) -> Iterator[tuple[str, bool, str]]:
    """What must hold on CUDA: what was checked, whether it holds, and what was seen."""
    yield from _score_checks(folders, texts, device)
    yield from _torch_check(folders["fp32"], source, texts, device)
    if device == "cuda":
        yield from _setting_checks(folders["fp16"])
    yield from _refusals(folders["fp16"])


def _score_checks(
    folders: Mapping[str, Path], texts: Sequence[str], device: str
) -> Iterator[tuple[str, bool, str]]:
    from benchmarks.scoring.ways import ours  # noqa: PLC0415

    reference = ours(folders["fp32"])[1](texts)
    spread = max(reference) - min(reference)
    yield (
        "scores of the CPU differ among texts",
        spread > 0.2,
        f"{min(reference):.3f} to {max(reference):.3f}",
    )
    for precision, tolerance in (("fp32", 1e-3), ("fp16", FP16_TOLERANCE)):
        model, way = ours(folders[precision], onnx_provider=device)
        wanted = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        yield f"{precision} runs on {device}", model.provider == wanted, model.provider
        together, again = way(texts), way(texts)
        apart = [way([text])[0] for text in texts[:200]]
        other, _ = ours(folders[precision], onnx_provider=device, onnx_batch_tokens=900)
        smaller = [score.number for score in other.score(texts)]
        yield _near(f"{precision} on {device} as fp32 on the CPU", together, reference, tolerance)
        yield _near(f"{precision}: the same again", together, again, 1e-9)
        yield _near(f"{precision}: alone as in batches", together[:200], apart, 1e-3)
        yield _near(f"{precision}: smaller batches", together, smaller, 1e-3)


def _torch_check(
    folder: Path, source: Path, texts: Sequence[str], device: str
) -> Iterator[tuple[str, bool, str]]:
    """PyTorch must do the same work, or its time says nothing."""
    from benchmarks.scoring.torch_way import torch_way  # noqa: PLC0415
    from benchmarks.scoring.ways import ours  # noqa: PLC0415

    model, _ = ours(folder)
    some = texts[:50]
    rewards = [score.reward for score in model.score(some)]
    yield _near(
        "rewards of PyTorch", torch_way(source, model._tokenizer, "fp32", device)(some), rewards, 5e-3
    )


def _near(
    what: str, found: Sequence[float], wanted: Sequence[float], tolerance: float
) -> tuple[str, bool, str]:
    differences = [abs(one - other) for one, other in zip(found, wanted, strict=True)]
    worst = max(differences)
    holds = not math.isnan(sum(differences)) and worst <= tolerance + 1e-9
    differing = sum(difference > 1e-9 for difference in differences)
    return what, holds, f"{differing} of {len(found)} differ, by at most {worst:.4f}"


def _setting_checks(folder: Path) -> Iterator[tuple[str, bool, str]]:
    from plaudit_schemas.errors import ModelError  # noqa: PLC0415

    from benchmarks.scoring.ways import ours  # noqa: PLC0415

    taken: dict[str, tuple[dict[str, Any], str]] = {
        "device_id": ({"onnx_device": 0}, "0"),
        "gpu_mem_limit": ({"onnx_gpu_memory_mb": 2000}, str(2000 << 20)),
        "arena_extend_strategy": ({"onnx_arena": "next_power_of_two"}, "kNextPowerOfTwo"),
        "cudnn_conv_algo_search": ({"onnx_cudnn_search": "exhaustive"}, "EXHAUSTIVE"),
    }
    for option, (settings, wanted) in taken.items():
        model = ours(folder, onnx_provider="cuda", **settings)[0]
        found = _options(model)[option]
        yield f"{option} is taken", found == wanted, found
    usual = _options(ours(folder, onnx_provider="cuda")[0])
    told = {name: usual[name] for name in (*taken, "use_tf32")}
    yield "the usual options", told["arena_extend_strategy"] == "kSameAsRequested", str(told)
    try:
        ours(folder, onnx_provider="cuda", onnx_gpu_memory_mb=8)
    except ModelError as error:
        yield "a memory limit below the model is refused", True, str(error)[:160]
    else:
        yield "a memory limit below the model is refused", False, "it was loaded"
    for arena in ("same_as_requested", "next_power_of_two"):
        used = subprocess.run(
            [sys.executable, "-m", "benchmarks.scoring.device_memory", folder, arena],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        yield f"memory with {arena}", used.returncode == 0, (used.stdout or used.stderr[-300:]).strip()


def _options(model: Any) -> dict[str, str]:
    options: dict[str, str] = model._session._session.get_provider_options()["CUDAExecutionProvider"]
    return options


def _refusals(folder: Path) -> Iterator[tuple[str, bool, str]]:
    program = (
        "from benchmarks.scoring.ways import ours\n"
        "from plaudit_schemas.errors import PlauditError\n"
        "import sys\n"
        "try:\n"
        "    print(ours(__import__('pathlib').Path(sys.argv[1]), onnx_provider=sys.argv[2], "
        "onnx_device=int(sys.argv[3]))[0].provider)\n"
        "except PlauditError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    for what, visible, provider, number, wanted in (
        ("without a GPU, cuda is refused", "", "cuda", "0", "SettingsError"),
        ("without a GPU, auto takes the CPU", "", "auto", "0", "CPUExecutionProvider"),
        ("a device that is not there is refused", None, "cuda", "7", "Error"),
    ):
        environ = {**os.environ, **({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})}
        done = subprocess.run(
            [sys.executable, "-c", program, folder, provider, number],
            capture_output=True, text=True, check=False, env=environ,
        )  # fmt: skip
        told = (done.stdout.strip() or done.stderr[-300:]).replace("\n", " ")
        # Nothing else may be on stdout.
        yield what, told.split(" ", maxsplit=1)[0].endswith(wanted), told[:300]


def machine() -> str:
    """The GPU, the processor and the versions, in one line."""
    gpu = "no GPU"
    with suppress(OSError, subprocess.CalledProcessError):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        gpu = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    packages = []
    for name in ("onnxruntime-gpu", "onnxruntime", "torch", "transformers"):
        with suppress(PackageNotFoundError):
            packages.append(f"{name} {version(name)}")
    return (
        f"{gpu}; {os.cpu_count()} cores of {cpu}, Python {platform.python_version()}, {', '.join(packages)}"
    )


if __name__ == "__main__":
    sys.exit(main())
