"""Folders of models: each an encoder with a head whose weights do not matter for the time it takes."""

import shutil
from pathlib import Path

import numpy as np
import onnx
from plaudit_consumers.training.compose import composed
from plaudit_consumers.training.encoders.encoder import TextEncoder
from plaudit_consumers.training.heads import Head
from plaudit_schemas.models.manifest import GRAPH_NAME
from plaudit_schemas.models.sealing import seal_model

MAX_TOKENS = 256
CANARIES = ("Yes, gladly: here is how.", "No.", "I do not know, and you should ask somebody who does. " * 4)
_SCALE = 4.0
"""Spreads the scores of a head by chance over most of 0 to 1, so that a difference shows."""


def head_of(dimensions: int) -> Head:
    """A head by chance, always the same."""
    weights = np.random.default_rng(15).standard_normal(dimensions)
    return Head(_SCALE * weights / np.linalg.norm(weights) * np.sqrt(dimensions) / 4)


def write_folder(folder: Path, encoder: TextEncoder, version: str) -> Path:
    """Write a model's folder, proved on the CPU."""
    folder.mkdir(parents=True)
    onnx.save(composed(encoder.graph(), head_of(encoder.manifest.dimensions)), folder / GRAPH_NAME)
    for file in encoder.tokenizer_files:
        shutil.copy(file, folder / file.name)
    fields = {
        "name": "bench", "version": version, "input": "answer", "output": "reward", "licence": "Apache-2.0",
        "max_tokens": min(MAX_TOKENS, encoder.manifest.max_tokens), "created_by": "benchmarks",
    }  # fmt: skip
    seal_model(folder, fields, CANARIES)
    return folder
