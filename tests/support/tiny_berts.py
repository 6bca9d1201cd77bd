"""Tiny BERT models as Hugging Face saves them: random weights and a vocabulary of a few words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("the", "a", "cat", "dog", "eats", "sleeps", "fast", "slow")
HIDDEN, HEADS, LAYERS, WIDE, POSITIONS = 8, 2, 2, 12, 16

Weights = dict[str, NDArray[np.float32]]


def write_bert(folder: Path, *, config: dict[str, Any] | None = None, prefix: str = "") -> Weights:
    """Write the folder of a model, and return its weights.

    Args:
        config: fields of config.json in place of the usual ones.
        prefix: before the names of the weights in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights()
    save_file({prefix + name: weight for name, weight in weights.items()}, folder / "model.safetensors")
    usual = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "hidden_size": HIDDEN,
        "max_position_embeddings": POSITIONS,
        "layer_norm_eps": 1e-12,
    }
    (folder / "config.json").write_text(json.dumps({**usual, **(config or {})}))
    write_tokenizer(folder)
    return weights


def random_weights() -> Weights:
    """The weights of a model, the same each time."""
    rng = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(SPECIAL) + len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        **_norm("embeddings.LayerNorm"),
    }
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        for name in ("query", "key", "value"):
            shapes |= _dense(f"{layer}.attention.self.{name}", HIDDEN, HIDDEN)
        shapes |= _dense(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm")
        shapes |= _dense(f"{layer}.intermediate.dense", HIDDEN, WIDE)
        shapes |= _dense(f"{layer}.output.dense", WIDE, HIDDEN)
        shapes |= _norm(f"{layer}.output.LayerNorm")
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _dense(name: str, given: int, gives: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (gives, given), f"{name}.bias": (gives,)}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of words, with the padding and cutting that a training leaves in the file."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=SPECIAL[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(9)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
