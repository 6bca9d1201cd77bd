"""Exports tiny classifiers of several families, and compares each with its original.

Runs in the environment of this folder's lock: `python -m tests.trainers.exports`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}

import torch
from plaudit_consumers.training.errors import ExportError
from plaudit_consumers.training.exporting import ExportPlan, export_model
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)
from transformers.utils.logging import disable_progress_bar

from tests.trainers.tiny import tokenizer

SIZE: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
}
FAMILIES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "bert": (BertForSequenceClassification, BertConfig, {}),
    "roberta": (RobertaForSequenceClassification, RobertaConfig, {}),
    "llama": (LlamaForSequenceClassification, LlamaConfig, {"num_key_value_heads": 2}),
    "qwen3": (Qwen3ForSequenceClassification, Qwen3Config, {"num_key_value_heads": 2, "head_dim": 16}),
    "headless": (BertModel, BertConfig, {}),
}
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"
TEXTS = ["How do I bake bread?", "Thank you, that was very helpful!", "Mix flour, water and salt. " * 9]


class Case(NamedTuple):
    """One model, and how it is exported."""

    family: str
    labels: int = 1
    precision: Literal["fp32", "fp16"] = "fp32"
    label: str | None = None
    template: str | None = None
    pads: bool = True
    apart: bool = False
    refused: str | None = None


CASES = (
    Case("bert"),
    Case("bert", labels=3, label="LABEL_2", precision="fp16"),
    Case("bert", labels=3, label="0", apart=True),
    Case("bert", labels=3, refused="name with --label"),
    Case("roberta", labels=2),
    Case("llama", template=TEMPLATE),
    Case("qwen3", labels=2, precision="fp16", pads=False),
    Case("headless", refused="lacks weights"),
)


def save(case: Case, folder: Path) -> None:
    """Save a tiny model with random weights, large enough that its scores differ."""
    words = tokenizer(TEXTS, case.template)
    padding = words.pad_token_id
    if not case.pads:
        words.pad_token = None
    kind, config, more = FAMILIES[case.family]
    torch.manual_seed(1)
    model = kind(
        config(
            **SIZE,
            **more,
            vocab_size=len(words),
            num_labels=case.labels,
            pad_token_id=padding if case.pads else None,
            problem_type="multi_label_classification" if case.apart else None,
        )
    )
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def attempt(case: Case, folder: Path) -> str | None:
    """Export one model. Returns what went wrong."""
    save(case, folder / "original")
    plan = ExportPlan(
        source=folder / "original",
        output=folder / "model",
        name="tiny",
        version="1",
        licence="MIT",
        precision=case.precision,
        label=case.label,
        texts=TEXTS,
    )
    try:
        exported = export_model(plan)
    except ExportError as error:
        return None if case.refused and case.refused in str(error) else str(error)
    if case.refused:
        return "it was not refused"
    scores = {canary.score for canary in exported.manifest.canaries}
    wanted = "history" if case.template else "exchange"
    if len(scores) < 3 or exported.manifest.input != wanted:
        return f"the scores {scores} of the input {exported.manifest.input}"
    return None


def main() -> int:
    disable_progress_bar()
    failed = 0
    for case in CASES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="plaudit-export-") as folder:
            wrong = attempt(case, Path(folder))
        failed += wrong is not None
        words = " ".join(f"{name}={value}" for name, value in case._asdict().items() if value)
        print(f"export {words}: {wrong or 'ok'} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
