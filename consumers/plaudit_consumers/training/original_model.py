"""A model of transformers for sequence classification, in PyTorch."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from plaudit_schemas.models.calibration import score_of
from plaudit_schemas.models.manifest import Calibration, ModelManifest

from plaudit_consumers.training.errors import ExportError

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a graph may be given of what a tokenizer makes."""


def load_original(source: Path, precision: str, padding: int | None) -> Any:
    """Load a model. Code that comes with it is never run.

    Args:
        padding: the id of padding. Models that read the last token tell by it which one that is.

    Raises:
        ExportError: the folder has no such model.
    """
    import torch  # noqa: PLC0415  # takes seconds to load
    from transformers import AutoModelForSequenceClassification  # noqa: PLC0415
    from transformers.utils import logging as hf_logging  # noqa: PLC0415

    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            str(source),
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float16 if precision == "fp16" else torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as error:  # each family of models fails in its own way
        told = " ".join(str(error).split())[:300]
        raise ExportError(
            f"{source} holds no model for sequence classification that transformers can load "
            f"({type(error).__name__}: {told})"
        ) from None
    if missing := sorted(loading["missing_keys"]):
        # transformers would go on with random numbers.
        raise ExportError(
            f"{source} lacks weights of a model for sequence classification, such as {missing[0]}; train it "
            "as one first"
        )
    model.config.use_cache = False
    model.config.pad_token_id = padding
    return model.eval()


def label_of(config: Any, wanted: str | None) -> tuple[int | None, str | None]:
    """The number and name of the label whose probability is the score; None if there is only one output.

    Raises:
        ExportError: the wanted one is unknown, or there are many and none is wanted.
    """
    names = {int(number): str(name) for number, name in config.id2label.items()}
    if len(names) == 1:
        return None, None
    if wanted is None and len(names) == 2:
        return 1, names[1]
    found = [number for number, name in names.items() if wanted in (name, str(number))]
    if len(found) != 1:
        raise ExportError(
            f"the model has the labels {', '.join(names.values())}; name with --label the one that a good "
            "answer gets"
        )
    return found[0], names[found[0]]


def labels_are_apart(config: Any) -> bool:
    """Whether each label has a probability of its own, and they do not add up to 1."""
    return bool(config.problem_type == "multi_label_classification")


def max_tokens_of_original(model: Any, tokenizer: Any) -> int:
    """How many tokens a model and its tokenizer take, at most 8192."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions:
        positions -= _positions_before_the_first(model)
    known = (positions, tokenizer.model_max_length)
    # A tokenizer without a limit says 1e30, and a model with relative positions has none.
    limits = [int(number) for number in known if number and 0 < number < 1e6]
    return min((*limits, 8192)) if limits else 512


def _positions_before_the_first(model: Any) -> int:
    """How many positions no token has: RoBERTa and its kin begin to count behind that of padding."""
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    return max(
        (table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None),
        default=0,
    )


def score_of_original(
    model: Any, tokenizer: Any, text: str, label: int | None, manifest: ModelManifest
) -> float:
    """The score of one text alone, rounded as scores are."""
    import torch  # noqa: PLC0415

    encoded = tokenizer(
        text,
        add_special_tokens=manifest.input != "history",
        truncation=True,
        max_length=manifest.max_tokens,
        return_tensors="pt",
    )
    taken = {name: tensor for name, tensor in encoded.items() if name in INPUTS}
    with torch.no_grad():
        logits = model(**taken).logits[0].double().numpy()
    reward = logits[label or 0]
    if label is not None and not labels_are_apart(model.config):
        reward -= np.logaddexp.reduce(np.delete(logits, label))
    return score_of(float(reward), "reward", Calibration(), tokens=1, cut=False).number
