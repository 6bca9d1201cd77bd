"""Ways to score texts: ours, and those that one writes first."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from plaudit_schemas.models.model import OnnxModel, open_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings

from benchmarks.scoring.folders import MAX_TOKENS

Way = Callable[[Sequence[str]], Sequence[float]]
BATCH = 32


def ours(folder: Path, **settings: Any) -> tuple[OnnxModel, Way]:
    """`open_model`, as the scorer runs it: batches by length within a budget of tokens."""
    model = open_model(folder, RuntimeSettings(**{"onnx_provider": "cpu", **settings}))
    return model, lambda texts: [score.number for score in model.score(texts)]


def by_arrival(model: OnnxModel) -> Way:
    """Batches of 32 texts in the order in which they come, padded to the longest of each."""

    def score(texts: Sequence[str]) -> list[float]:
        tokens = model._tokenizer.tokens_of(texts)
        found: list[float] = []
        for start in range(0, len(tokens), BATCH):
            found += model._outputs_of(tokens[start : start + BATCH])
        return found

    return score


def naive(folder: Path) -> Way:
    """One text at a time, padded to the most that the model takes, in a session with the usual options."""
    import onnxruntime  # noqa: PLC0415
    from transformers import AutoTokenizer  # noqa: PLC0415

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # figures are for one core
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def score(texts: Sequence[str]) -> list[float]:
        found = []
        for text in texts:
            given = tokenizer(
                text, padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="np"
            )
            feeds = {name: given[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
            found.append(float(session.run(None, feeds)[0].reshape(-1)[0]))
        return found

    return score
