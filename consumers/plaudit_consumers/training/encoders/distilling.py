"""A static table of tokens, distilled from a teacher's graph.

The recipe is that of model2vec: the teacher's vector of each token alone, the main components of these
vectors, and the weights of Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence embeddings"
(ICLR 2017), which make frequent tokens count less.
"""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from plaudit_consumers.training.encoders.graph_parts import GraphParts

SMOOTHING = 1e-3
"""A token of this frequency weighs half as much as one that never occurs."""

Floats = NDArray[np.float32]
Embed = Callable[[NDArray[np.int64]], Floats]


def token_vectors(
    embed: Embed, before: Sequence[int], after: Sequence[int], size: int, step: int = 512
) -> Floats:
    """The teacher's vector of each token alone, between its special tokens: [size, teacher's dimensions]."""
    found = []
    for first in range(0, size, step):
        tokens = np.arange(first, min(first + step, size), dtype=np.int64)[:, None]
        rows = [np.tile(np.array(ids, np.int64), (len(tokens), 1)) for ids in (before, after)]
        found.append(embed(np.hstack([rows[0], tokens, rows[1]])))
    return np.vstack(found)


def main_components(vectors: Floats, dimensions: int) -> Floats:
    """The vectors along the axes in which they differ most, fewer than they had.

    The sign of each axis is that which makes its largest coordinate positive, so it is the same on every
    machine.
    """
    exact = vectors.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :dimensions]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    projected: Floats = (centred @ (axes * np.sign(largest))).astype(np.float32)
    return projected


def zipf_frequencies(size: int) -> NDArray[np.float64]:
    """Frequencies of tokens whose ids are in the order of their frequency, by Zipf's law.

    The vocabularies of WordPiece and BPE are about in this order, because they are built by counts.
    """
    inverse = 1 / np.arange(2, size + 2, dtype=np.float64)
    return _shares(inverse)


def counted_frequencies(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frequencies in a corpus. Each token counts once more, so that none is infinitely rare."""
    return _shares(counts.astype(np.float64) + 1)


def _shares(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = amounts / amounts.sum()
    return shares


def weighted(vectors: Floats, frequencies: NDArray[np.float64], without: Sequence[int]) -> Floats:
    """The vectors times the tokens' weights; 0 for the tokens `without`."""
    weights = SMOOTHING / (SMOOTHING + frequencies)
    weights[list(without)] = 0
    result: Floats = (vectors * weights[:, None]).astype(np.float32)
    return result


def static_graph(table: Floats) -> onnx.ModelProto:
    """The graph that adds up the rows of a table. The table is kept in float16."""
    parts = GraphParts()
    rows = parts.add("Gather", parts.constant(table.astype(np.float16), "table"), "input_ids")
    parts.pooled(rows, "mean")
    return parts.model(table.shape[1])
