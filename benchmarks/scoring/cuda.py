"""Figures of MiniLM on CUDA: fp16 on ONNX Runtime, beside fp32 on the CPU and on PyTorch, if it is there."""

import os
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from plaudit_schemas.models.model import OnnxModel

from benchmarks.report import Row, row
from benchmarks.scoring.ways import Way, ours

OF_CPU = 400
SINGLE = 300
WARM = 20


def measure(
    folders: Mapping[str, Path], source: Path, texts: Sequence[str], repetitions: int, device: str = "cuda"
) -> list[Row]:
    """Answers a second from texts to scores, from tokens to outputs, and waits of single answers.

    Args:
        folders: models of MiniLM, for `fp16` and `fp32`.
        source: its plain files, for PyTorch.
        device: `cpu` is for rehearsals.
    """
    models = {
        "fp16 CUDA": ours(folders["fp16"], onnx_provider=device)[0],
        "fp32 CUDA": ours(folders["fp32"], onnx_provider=device)[0],
        "fp32 CPU, one thread": ours(folders["fp32"])[0],
        "fp32 CPU, all threads": ours(folders["fp32"], onnx_threads=os.cpu_count() or 1)[0],
    }
    ways: dict[str, Way] = {name: _scores(model) for name, model in models.items()}
    outputs: dict[str, Way] = {name: _outputs(model, texts) for name, model in models.items()}
    if find_spec("torch"):
        from benchmarks.scoring.torch_way import torch_outputs, torch_way  # noqa: PLC0415

        tokenizer = models["fp32 CUDA"]._tokenizer
        for precision in ("fp32", "fp16"):
            name = f"{precision} torch"
            ways[name] = torch_way(source, tokenizer, precision, device)
            outputs[name] = torch_outputs(source, tokenizer, precision, texts, device)
    rows = _rates("texts to scores", ways, texts, repetitions)
    rows += _rates("tokens to outputs", outputs, texts, repetitions)
    rows += _waits(ways, texts)
    return rows


def _scores(model: OnnxModel) -> Way:
    return lambda texts: [score.number for score in model.score(texts)]


def _outputs(model: OnnxModel, texts: Sequence[str]) -> Way:
    tokens = model._tokenizer.tokens_of(texts)
    return lambda some: model._outputs(tokens[: len(some)])


def _rates(what: str, ways: Mapping[str, Way], texts: Sequence[str], repetitions: int) -> list[Row]:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repetition in range(repetitions + 1):
        for name, way in ways.items():
            some = texts[:OF_CPU] if "CPU" in name else texts
            began = time.perf_counter()
            assert len(way(some)) == len(some)
            if repetition:  # the first round loads code, and grows memory
                found[name].append(len(some) / (time.perf_counter() - began))
    base = "fp32 torch" if "fp32 torch" in ways else "fp32 CPU, one thread"
    return [
        row(
            f"{name}, {what}",
            "answers/s",
            rates,
            None if name == base else (f"{base}, {what}", found[base]),
        )
        for name, rates in found.items()
    ]


def _waits(ways: Mapping[str, Way], texts: Sequence[str]) -> list[Row]:
    """Milliseconds from one text to its score, batch 1."""
    rows = []
    for name, way in ways.items():
        waits = []
        for text in texts[: SINGLE + WARM]:
            began = time.perf_counter()
            way([text])
            waits.append(1000 * (time.perf_counter() - began))
        # The first ones choose algorithms.
        rows += [
            row(f"{name}, batch 1, p{percent}", "ms", [float(np.percentile(waits[WARM:], percent))])
            for percent in (50, 99)
        ]
    return rows
