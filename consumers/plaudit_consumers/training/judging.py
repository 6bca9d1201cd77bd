"""What is found out of a head: figures beside baselines, on rows that it was not fitted to. Pure."""

from typing import Final

import numpy as np
from plaudit_schemas.models.manifest import HeldOutFigure

from plaudit_consumers.training.baselines import baselines, lead
from plaudit_consumers.training.evaluation import METRICS, FigureName, evaluate, figure_of, reliability
from plaudit_consumers.training.learning import Learned, outcomes_of
from plaudit_consumers.training.learning_curve import Embedded, learning_curve
from plaudit_consumers.training.report import CHANCE, TrainingReport, judged_by

_OF_BASELINES: Final[tuple[FigureName, ...]] = ("accuracy", "auc")


def judge(
    subset: str, learning: Embedded, held_out: Embedded, learned: Learned, seed: int, *, shuffled: bool
) -> TrainingReport:
    """Judge what was learned."""
    examples = held_out.examples
    said = outcomes_of(examples, learned.head.rewards(held_out.vectors), learned.calibration)
    by = judged_by(said)
    simpler = baselines(learning.examples, examples)
    return TrainingReport(
        subset=subset,
        learning_rows=len(learning.examples),
        learning_groups=len(np.unique(learning.examples.groups)),
        held_out_rows=len(examples),
        held_out_groups=len(np.unique(examples.groups)),
        known_questions=examples.rows_with_questions_of(learning.examples),
        left_out=learning.examples.left_out + examples.left_out,
        judged_by=by,
        figures=evaluate(said, seed),
        cross_validated=figure_of(learned.cross_validated, by, seed),
        baselines={
            "chance": dict.fromkeys(_OF_BASELINES, HeldOutFigure(value=CHANCE, low=CHANCE, high=CHANCE)),
            **{
                name: {figure: figure_of(each, figure, seed) for figure in _OF_BASELINES}
                for name, each in simpler.items()
            },
        },
        lead=lead(said, simpler["length"], METRICS[by], seed),
        curve=learning_curve(learning, held_out, learned, by, seed),
        tenths=reliability(said, np.ones(len(examples))),
        l2=learned.l2,
        shuffled=shuffled,
    )
