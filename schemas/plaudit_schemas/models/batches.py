"""Groups texts into batches of like length, so that little of what a model is given is padding. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

_WIDEST: Final = 1.25
"""How much longer than its shortest text the longest of a batch may be."""


def batches_of(lengths: Sequence[int], most_tokens: int, *, padded: bool = True) -> Iterator[list[int]]:
    """The places of texts, in batches of like length.

    Args:
        lengths: the tokens of each text.
        most_tokens: of a batch, padding included. A longer text is a batch of its own.
        padded: False puts only texts of equal length together.
    """
    batch: list[int] = []
    shortest = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        wide = length > (shortest * _WIDEST if padded else shortest)
        # A text without tokens is fed as one of padding.
        if batch and (wide or max(1, length) * (len(batch) + 1) > most_tokens):
            yield batch
            batch = []
        if not batch:
            shortest = length
        batch.append(place)
    if batch:
        yield batch
