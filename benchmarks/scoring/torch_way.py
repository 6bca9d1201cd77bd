"""MiniLM on PyTorch and CUDA, with the same tokens and the same batches as ours. Needs torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from plaudit_schemas.models.batches import batches_of

from benchmarks.scoring.folders import head_of
from benchmarks.scoring.ways import Way

BATCH_TOKENS = 16_384


def torch_way(source: Path, tokenizer: Any, precision: str, device: str = "cuda") -> Way:
    """From texts to rewards.

    Args:
        source: the plain files of MiniLM.
        tokenizer: of the model that it is compared with.
    """
    run = _runner(source, precision, device)
    return lambda texts: run(tokenizer.tokens_of(texts))


def torch_outputs(
    source: Path, tokenizer: Any, precision: str, texts: Sequence[str], device: str = "cuda"
) -> Way:
    """From tokens to rewards. `texts` are those that it will be asked for, in this order."""
    run = _runner(source, precision, device)
    tokens = tokenizer.tokens_of(texts)
    return lambda some: run(tokens[: len(some)])


def _runner(source: Path, precision: str, device: str) -> Any:
    import torch  # noqa: PLC0415
    from transformers import BertModel  # noqa: PLC0415

    kind = torch.float16 if precision == "fp16" else torch.float32
    model: Any = BertModel.from_pretrained(source, dtype=torch.float32, add_pooling_layer=False)
    model = model.to(device=device, dtype=kind).eval()
    head = torch.tensor(head_of(model.config.hidden_size).weights, dtype=torch.float32, device=device)

    def run(tokens: Sequence[Any]) -> list[float]:
        with torch.inference_mode():
            return outputs(tokens)

    def outputs(tokens: Sequence[Any]) -> list[float]:
        found = np.full(len(tokens), np.nan)
        for batch in batches_of([len(one.ids) for one in tokens], BATCH_TOKENS):
            longest = max(1, *(len(tokens[at].ids) for at in batch))
            ids = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(ids)
            for place, at in enumerate(batch):
                ids[place, : len(tokens[at].ids)] = tokens[at].ids
                mask[place, : len(tokens[at].ids)] = 1
            given = torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
            hidden = model(input_ids=given[0], attention_mask=given[1]).last_hidden_state
            weights = given[1].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            vector = torch.nn.functional.normalize(mean.float(), dim=1)
            found[batch] = (vector @ head).cpu().numpy()
        return [float(value) for value in found]

    return run
