"""Whether a snapshot has what a scorer can be trained on. Pure."""

from typing import Final

import numpy as np

from plaudit_consumers.datasets.manifest import Manifest
from plaudit_consumers.training.errors import TooFewRowsError, TrainingError
from plaudit_consumers.training.examples import HELD_OUT_SPLIT, JUDGED_SUBSETS, Examples

FEWEST_LEARNING_ROWS: Final = 40
FEWEST_HELD_OUT_ROWS: Final = 20
FEWEST_GROUPS: Final = 10
FEWEST_OF_A_LABEL: Final = 5


def check_subset(manifest: Manifest, subset: str) -> None:
    """Check that the snapshot has rows of a subset.

    Raises:
        TrainingError: it has none.
    """
    if sum(manifest.rows.get(subset, {}).values()):  # type: ignore[call-overload]  # any text may be asked for
        return
    others = [each for each in JUDGED_SUBSETS if sum(manifest.rows.get(each, {}).values())]
    hint = (
        f"it has rows of {', '.join(others)}: name one with --subset"
        if others
        else "`plaudit datasets show` says what became of its judgements"
    )
    raise TrainingError(f"the snapshot has no rows of the subset {subset}; {hint}")


def check_aspect(examples: Examples, aspect: str | None) -> None:
    """Check that some rows are about an aspect.

    Raises:
        TrainingError: none is.
    """
    if aspect is not None and not examples.aspects[aspect]:
        known = ", ".join(sorted(examples.aspects))
        raise TrainingError(f"no row is about the aspect {aspect}; the snapshot's rows are about {known}")


def check_learning(examples: Examples) -> None:
    """Check the rows to learn from.

    Raises:
        TooFewRowsError: they are too few, or all say the same.
    """
    _check(examples, "train", FEWEST_LEARNING_ROWS, "more judged answers are needed")


def check_held_out(examples: Examples) -> None:
    """Check the rows to judge by.

    Raises:
        TooFewRowsError: they are too few, or all say the same.
    """
    hint = "build the snapshot with a larger share for test, such as --split 70/5/25"
    _check(examples, HELD_OUT_SPLIT, FEWEST_HELD_OUT_ROWS, hint)


def _check(examples: Examples, split: str, fewest: int, hint: str) -> None:
    if len(examples) < fewest:
        left = ", ".join(f"{why.replace('_', ' ')} {rows}" for why, rows in examples.left_out.items())
        out = f" (left out: {left})" if left else ""
        raise TooFewRowsError(
            f"the split {split} has {len(examples)} usable rows{out}, but {fewest} are needed; {hint}"
        )
    groups = len(np.unique(examples.groups))
    if groups < FEWEST_GROUPS:
        raise TooFewRowsError(
            f"the rows of the split {split} come from chats with {groups} different first questions, and at "
            f"least {FEWEST_GROUPS} are needed; {hint}"
        )
    if examples.second is not None:
        return
    for label, name in ((True, "liked"), (False, "disliked")):
        rows = int(np.sum(examples.labels == label))
        if rows < FEWEST_OF_A_LABEL:
            raise TooFewRowsError(
                f"the split {split} has {rows} {name} answers among {len(examples)}, and at least "
                f"{FEWEST_OF_A_LABEL} are needed; {hint}"
            )
