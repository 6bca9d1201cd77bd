"""Makes a model's folder of a classifier or reward model of transformers. Needs the extra `export`.

PyTorch is loaded here and nowhere else: what runs the model needs none.
"""

import io
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.inputs import InputKind
from plaudit_schemas.models.manifest import NAME_PATTERN, ModelManifest
from plaudit_schemas.models.model import open_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.sealing import seal_model
from plaudit_schemas.models.tokenising import load_tokenizer

from plaudit_consumers.training.encoders.building import copy_tokenizer, new_folder
from plaudit_consumers.training.errors import ExportError
from plaudit_consumers.training.label_odds import end_in_reward
from plaudit_consumers.training.original_model import (
    INPUTS,
    label_of,
    labels_are_apart,
    load_original,
    max_tokens_of_original,
    score_of_original,
)

TOLERANCE = {"fp32": 0.002, "fp16": 0.01}
"""By how much a score of the exported model may differ from the original's, by precision."""
_SENTENCE = "The answer explains, step by step, how to solve the problem, and says why each step is right. "
_TEXTS = (
    "No.",
    "Thank you, that was very helpful!",
    "Das weiss ich leider nicht. 不知道。",
    _SENTENCE,
    _SENTENCE * 4,
)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What to export, and how.

    Attributes:
        source: a folder of transformers with a model for sequence classification.
        output: the folder to write; must not exist.
        label: the label whose probability is the score, by name or number. None where there is one label, or
            two: then it is the second.
        kind: what the model is given; None for the history if its tokenizer has a chat template, and else for
            the exchange.
        max_tokens: None for as many as the model and its tokenizer say that they take.
        texts: further texts to compare the model with its original on.
    """

    source: Path
    output: Path
    name: str
    version: str
    licence: str
    precision: Literal["fp32", "fp16"] = "fp32"
    label: str | None = None
    kind: InputKind | None = None
    max_tokens: int | None = None
    languages: Sequence[str] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported.

    Attributes:
        label: the label whose probability is the score; None if the model has one output.
        difference: the largest one between a score and the original's.
    """

    manifest: ModelManifest
    label: str | None
    difference: float


def export_model(plan: ExportPlan) -> Exported:
    """Export a model, and compare it with its original.

    Raises:
        SettingsError: PyTorch or the exporters of transformers are missing.
        ExportError: the source has no such model, it cannot be exported, or scores otherwise afterwards.
        ModelError: the folder cannot be used as a model.
    """
    _check_packages()
    for word in (plan.name, plan.version):
        if not re.match(NAME_PATTERN, word):
            raise ExportError(f"{word!r} is no name or version; use letters, digits, dots and dashes")
    tokenizer = load_tokenizer(plan.source)
    pads = tokenizer.pad_token_id is not None
    if not pads:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    original = load_original(plan.source, "fp32", tokenizer.pad_token_id)
    number, label = label_of(original.config, plan.label)
    most = plan.max_tokens or max_tokens_of_original(original, tokenizer)
    kind = plan.kind or ("history" if tokenizer.chat_template else "exchange")
    with new_folder(plan.output) as folder:
        model = (
            original
            if plan.precision == "fp32"
            else load_original(plan.source, plan.precision, tokenizer.pad_token_id)
        )
        _export_graph(model, tokenizer, folder, number)
        if pads:
            copy_tokenizer(plan.source, folder)
        else:
            tokenizer.save_pretrained(folder)
        fields = _fields(plan, kind, most, label)
        manifest = seal_model(folder, fields, _TEXTS)
        difference = _compare(plan, folder, original, tokenizer, number, manifest)
    return Exported(manifest, label, difference)


def _check_packages() -> None:
    missing = [name for name in ("torch", "onnxscript") if find_spec(name) is None]
    if missing or find_spec("transformers.exporters") is None:
        raise SettingsError(
            "exporting needs PyTorch, onnxscript and transformers with its exporters: "
            "pip install 'plaudit-infra[score,export]'"
        )


def _export_graph(model: Any, tokenizer: Any, folder: Path, label: int | None) -> None:
    import onnx_ir  # noqa: PLC0415  # comes with onnxscript
    import torch  # noqa: PLC0415
    from transformers.exporters import OnnxConfig, OnnxExporter  # noqa: PLC0415

    # Two texts of unequal length: a batch of one, or without padding, would be taken for all there is.
    sample = dict(tokenizer([_SENTENCE, "A short one."], padding=True, return_tensors="pt"))
    taken = {name: tensor for name, tensor in sample.items() if name in INPUTS}
    try:
        with torch.no_grad(), _quiet():
            exported = OnnxExporter().export(model, taken, config=OnnxConfig(dynamic=True))
    except Exception as error:  # PyTorch's exporter has many errors, without a base
        told = " ".join(str(error).split())[:300]
        raise ExportError(f"transformers cannot export this model ({type(error).__name__}: {told})") from None
    program = getattr(exported, "program", exported)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="graph-") as name:
        graph = Path(name) / "graph.onnx"
        onnx_ir.save(getattr(program, "model", program), graph, external_data="graph.data")
        end_in_reward(graph, folder, label, apart=labels_are_apart(model.config))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what PyTorch's exporter prints and logs of its own steps."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _fields(plan: ExportPlan, kind: InputKind, most: int, label: str | None) -> dict[str, Any]:
    what = f"the label {label}" if label is not None else "its one output"
    return {
        "name": plan.name,
        "version": plan.version,
        "description": f"Exported from {plan.source.resolve().name} in {plan.precision}; scores by {what}.",
        "input": kind,
        "max_tokens": most,
        "output": "reward",
        "languages": tuple(plan.languages),
        "licence": plan.licence,
    }


def _compare(
    plan: ExportPlan, folder: Path, original: Any, tokenizer: Any, label: int | None, manifest: ModelManifest
) -> float:
    texts = [*_TEXTS, _SENTENCE * (manifest.max_tokens // 4), *plan.texts]
    tokenizer.truncation_side = manifest.cut
    expected = [score_of_original(original, tokenizer, text, label, manifest) for text in texts]
    model = open_model(folder, RuntimeSettings(onnx_provider="cpu"))
    try:
        # All at once: in batches, and beside others.
        scores = [score.number for score in model.score(texts)]
    finally:
        model.close()
    differences = np.abs(np.array(scores) - np.array(expected))
    worst = int(differences.argmax())
    if not differences[worst] <= TOLERANCE[plan.precision]:
        raise ExportError(
            f"the exported model gives {scores[worst]:.3f} and the original {expected[worst]:.3f} for "
            f"{texts[worst][:60]!r}; nothing was written" + ("; try fp32" if plan.precision == "fp16" else "")
        )
    return float(differences[worst])
