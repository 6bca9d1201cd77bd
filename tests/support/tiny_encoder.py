"""A tiny encoder: a dimension for each word, so that no weights need to be fetched."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from plaudit_consumers.training.encoders.distilling import static_graph
from plaudit_consumers.training.encoders.manifest import GRAPH, EncoderManifest, hashes, write_manifest

from tests.support.tiny_models import write_tokenizer

_SPECIAL = 2  # the first ids of the tokenizer


def write_encoder(folder: Path, words: Iterable[str]) -> None:
    """Write an encoder's folder. Words are in lower case; others are one unknown word."""
    known = list(dict.fromkeys(words))
    folder.mkdir(parents=True)
    write_tokenizer(folder, dict.fromkeys(known, 1.0))
    onnx.save(static_graph(np.eye(len(known) + _SPECIAL, dtype=np.float32)), folder / GRAPH)
    manifest = EncoderManifest(
        name="words", version="1", dimensions=len(known) + _SPECIAL, max_tokens=512, files=hashes(folder)
    )
    write_manifest(folder, manifest)
