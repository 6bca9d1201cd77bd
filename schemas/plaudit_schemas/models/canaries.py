"""Proves a model: it must give the scores that its manifest promises, alone and beside other texts."""

import math
from collections.abc import Sequence
from typing import Final

from plaudit_schemas.errors import ModelCheckError
from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.scores import AnswerModel

TOLERANCE: Final = 0.002
"""By how much a score may differ from the promised one: processors and half precision round otherwise."""
_NEIGHBOUR_TOLERANCE: Final = 0.001 + 1e-9
_FILLER: Final = "word "
_COMPARED: Final = 2
"""Canaries that are scored beside others, so that a long list does not hold up a swap."""
_LONGEST: Final = 4096
"""Tokens of the longest text that is tried; memory for more is the user's care."""


def prove(model: AnswerModel, manifest: ModelManifest) -> None:
    """Score the canaries.

    Raises:
        ModelCheckError: a score is not the promised one, is no number, or depends on the other texts; or the
            model cannot take a text of its full length.
        ModelError: the runtime failed.
    """
    texts = [canary.text for canary in manifest.canaries]
    alone = [model.score([text])[0] for text in texts]
    for canary, score in zip(manifest.canaries, alone, strict=True):
        if math.isnan(score.number):
            raise ModelCheckError(
                f"{_named(model)} gives no number for the canary {_shown(canary.text)}, because "
                f"{model.refused}; make the model again"
            )
        if abs(score.number - canary.score) > TOLERANCE:
            raise ModelCheckError(
                f"{_named(model)} gives {score.number:.3f} for the canary {_shown(canary.text)}, and its "
                f"manifest promises {canary.score:.3f}; make the model again"
            )
    _check_neighbours(model, texts)
    _check_longest(model, manifest)


def _check_neighbours(model: AnswerModel, texts: Sequence[str]) -> None:
    # Texts of four and five times the length share a batch, with padding; so does each text with itself.
    tried = [" ".join([text] * times) for text in texts[:_COMPARED] for times in (1, 4, 5)]
    alone = [model.score([text])[0] for text in tried]
    together = model.score([*tried, *tried])
    for text, one, other in zip(tried, alone, together, strict=False):
        if not _alike(one.number, other.number):
            raise ModelCheckError(
                f"{_named(model)} gives {one.number:.3f} for {_shown(text)} alone and {other.number:.3f} "
                "beside other texts; a score may not depend on its neighbours"
            )


def _alike(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or abs(one - other) <= _NEIGHBOUR_TOLERANCE


def _check_longest(model: AnswerModel, manifest: ModelManifest) -> None:
    text = manifest.canaries[0].text or _FILLER
    times = min(manifest.max_tokens, _LONGEST) // max(1, len(text.split())) + 1
    [score] = model.score([" ".join([text] * times)])
    if math.isnan(score.number):
        raise ModelCheckError(
            f"{_named(model)} gives no number for a text of {score.tokens} tokens; its max_tokens is "
            f"{manifest.max_tokens}: set it to what the graph takes"
        )


def _named(model: AnswerModel) -> str:
    return f"the model {model.name}@{model.version}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
