"""Compares two versions of a model on what people judged: both score the same answers."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from plaudit_schemas.models.calibration import logit
from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.model import OnnxModel

from plaudit_consumers.ranking.errors import ComparisonError
from plaudit_consumers.ranking.judged_answers import Judged, JudgedPair
from plaudit_consumers.ranking.paired import Comparison, compare
from plaudit_consumers.ranking.scoring import pieces, score_turns
from plaudit_consumers.training.evaluation import Outcomes


class Compared(NamedTuple):
    """What two versions said of all that was judged.

    Attributes:
        answers, pairs: None if there were none.
        left_out: judged answers or pairs of which a version gave no score, by version.
    """

    answers: Comparison | None
    pairs: Comparison | None
    left_out: Counter[str]


class _Row(NamedTuple):
    group: bytes
    liked: bool
    margins: tuple[float, ...]


def check_comparable(first: ModelManifest, second: ModelManifest) -> None:
    """Refuse two versions that judge different things.

    Raises:
        ComparisonError: they do.
    """
    if first.aspect != second.aspect:
        raise ComparisonError(
            f"{first.name}@{first.version} judges {first.aspect} and {second.name}@{second.version} "
            f"{second.aspect}; compare models of one aspect"
        )


def compare_versions(first: OnnxModel, second: OnnxModel, judged: Iterable[Judged]) -> Compared:
    """Let both versions score what was judged, and compare them.

    Raises:
        ComparisonError: they judge different aspects, or nothing was judged that both can score.
        ModelError: the runtime failed.
    """
    check_comparable(first.manifest, second.manifest)
    rows: dict[bool, list[_Row]] = {True: [], False: []}
    left_out: Counter[str] = Counter()
    for some in pieces(judged):
        margins = [_margins(model, some) for model in (first, second)]
        for one, both in zip(some, zip(*margins, strict=True), strict=True):
            known = [margin for margin in both if not math.isnan(margin)]
            for model, margin in zip((first, second), both, strict=True):
                left_out[f"{model.name}@{model.version}"] += math.isnan(margin)
            if len(known) == 2:
                liked = True if isinstance(one, JudgedPair) else one.liked
                rows[isinstance(one, JudgedPair)].append(_Row(one.group, liked, both))
    if not any(rows.values()):
        raise ComparisonError(
            "nothing was judged that both versions can score; name another root, aspect or kind of raters"
        )
    made = {pairs: compare(*_outcomes(some, pairs=pairs)) if some else None for pairs, some in rows.items()}
    return Compared(made[False], made[True], +left_out)


def _margins(model: OnnxModel, judged: Sequence[Judged]) -> list[float]:
    """The log odds that people like an answer, or prefer the chosen one; NaN without a score."""
    turns = chain.from_iterable(
        (one.chosen, one.rejected) if isinstance(one, JudgedPair) else (one.turns,) for one in judged
    )
    odds = iter([
        math.nan if score is None else log_odds(score.reward, model.manifest)
        for score in score_turns(model, list(turns))
    ])  # fmt: skip
    return [next(odds) - next(odds) if isinstance(one, JudgedPair) else next(odds) for one in judged]


def log_odds(reward: float, manifest: ModelManifest) -> float:
    """The calibrated log odds of a model's output. Unlike the score they are not rounded."""
    if not math.isfinite(reward):
        return math.nan
    raw = logit(reward) if manifest.output == "probability" else reward
    return manifest.calibration.slope * raw + manifest.calibration.intercept


def _outcomes(rows: Sequence[_Row], *, pairs: bool) -> tuple[Outcomes, Outcomes]:
    numbers: dict[bytes, int] = {}
    groups = np.array([numbers.setdefault(row.group, len(numbers)) for row in rows], dtype=np.int64)
    labels = np.array([float(row.liked) for row in rows])
    first, second = (
        Outcomes(np.array([row.margins[at] for row in rows]), labels, groups, pairs) for at in (0, 1)
    )
    return first, second
