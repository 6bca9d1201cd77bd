"""The folder of a trained scorer: graph, tokenizer, card, plots and manifest."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from plaudit_schemas.models.manifest import GRAPH_NAME, ModelManifest
from plaudit_schemas.models.model import open_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.sealing import seal_model

from plaudit_consumers.training.card import CardFacts, card_text
from plaudit_consumers.training.encoders.encoder import TextEncoder
from plaudit_consumers.training.errors import TrainingError
from plaudit_consumers.training.heads import Floats
from plaudit_consumers.training.learning import probabilities
from plaudit_consumers.training.plots import write_plots
from plaudit_consumers.training.report import TrainingReport

CANARIES: Final = (
    "How do I reset my password?\n\nOpen the settings, choose Security, and press Reset.",
    "How do I reset my password?\n\nI do not know.",
    "Thank you!\n\nYou are welcome. Is there anything else that I can do for you?",
    "Why is the sky blue?\n\nBecause air scatters short waves of light more than long ones.",
    "Écris-moi un mot.\n\nBonjour à tous, 你好, مرحبا 👋",
    "No.",
    "",
)
"""Sentences of our own: a model's folder travels further than its snapshot, so no text of a chat is in it."""
_TOLERANCE: Final = 2e-3
_COMPARED: Final = 64


def write_folder(
    folder: Path,
    fields: dict[str, Any],
    graph: onnx.ModelProto,
    encoder: TextEncoder,
    facts: CardFacts,
    report: TrainingReport,
) -> ModelManifest:
    """Write all files of a scorer into an empty folder.

    Args:
        fields: of the manifest, without files and canaries.

    Raises:
        ModelError: the folder cannot be used as a model.
    """
    (folder / GRAPH_NAME).write_bytes(graph_bytes(graph))
    for path in encoder.tokenizer_files:
        copy = folder / path.relative_to(encoder.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    write_plots(report, folder)
    (folder / "README.md").write_text(card_text(facts, report), encoding="utf-8")
    return seal_model(folder, fields, CANARIES)


def check_served(folder: Path, texts: Sequence[str], rewards: Floats, manifest: ModelManifest) -> None:
    """Check that the folder gives the scores that were learned: its tokenizer may cut or read otherwise.

    Raises:
        TrainingError: it does not.
    """
    model = open_model(folder, RuntimeSettings(onnx_provider="cpu"))
    try:
        served = np.array([score.number for score in model.score(texts[:_COMPARED])])
    finally:
        model.close()
    learned = probabilities(rewards[:_COMPARED], manifest.calibration)
    # Written so that a NaN is a difference.
    if not np.all(np.abs(served - learned) <= _TOLERANCE):
        raise TrainingError(
            f"the model gives other scores than its encoder {manifest.encoder} let it learn, because the "
            "encoder's tokenizer and graph do not belong together; build the encoder again"
        )


def graph_bytes(graph: onnx.ModelProto) -> bytes:
    """A graph as the bytes of its file."""
    return bytes(graph.SerializeToString(deterministic=True))


def version_of(as_of: str, *parts: str | bytes | dict[str, Any]) -> str:
    """A version that follows from what a model was made of, such as 20261126-1f8a0c2b."""
    digest = hashlib.sha256()
    for part in parts:
        text = json.dumps(part, sort_keys=True) if isinstance(part, dict) else part
        digest.update(text.encode() if isinstance(text, str) else text)
        digest.update(b"\0")
    return f"{as_of[:10].replace('-', '')}-{digest.hexdigest()[:8]}"
