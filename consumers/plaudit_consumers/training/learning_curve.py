"""How the figures grow with the rows that a scorer learns from. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from plaudit_schemas.models.manifest import HeldOutFigure

from plaudit_consumers.training.evaluation import FigureName, figure_of
from plaudit_consumers.training.examples import Examples
from plaudit_consumers.training.heads import Matrix, fit_head
from plaudit_consumers.training.learning import Learned, in_random_order, labelled, outcomes_of

SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
_FEWEST_ROWS: Final = 20


class CurvePoint(NamedTuple):
    """The figure of a head that was fitted to so many rows."""

    rows: int
    figure: HeldOutFigure


class Embedded(NamedTuple):
    """Examples with the vectors of their inputs."""

    examples: Examples
    vectors: Matrix


def learning_curve(
    learning: Embedded, held_out: Embedded, learned: Learned, by: FigureName, seed: int
) -> list[CurvePoint]:
    """The held-out figure for growing shares of the groups. Each share holds the one before.

    Args:
        learned: from all rows. Its penalty is used for every share.
        by: the figure.
    """
    points = []
    for share in _shares(learning.examples, seed):
        head = fit_head(labelled(share, learning.vectors), learned.l2, intercept=share.second is None)
        rewards = head.rewards(held_out.vectors)
        said = outcomes_of(held_out.examples, rewards, learned.calibration)
        points.append(CurvePoint(len(share), figure_of(said, by, seed)))
    return points


def _shares(examples: Examples, seed: int) -> Iterator[Examples]:
    places = in_random_order(examples.groups, seed)
    groups = int(places.max()) + 1
    for share in SHARES:
        part = examples.only(places < np.ceil(share * groups))
        both = part.second is not None or len(set(part.labels.tolist())) == 2
        if len(part) >= _FEWEST_ROWS and both:
            yield part
