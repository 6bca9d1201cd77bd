"""Krippendorff's alpha of each question, over all items that are no control. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import QuestionKind, Rubric, RubricQuestion
from plaudit_schemas.statistics.alpha import Metric, krippendorff_alpha

from plaudit_producers.review.quality.words import comparable, said_of, words_of

METRICS: Final[dict[QuestionKind, tuple[Metric, str]]] = {
    "thumb": ("nominal", "items"),
    "rating": ("ordinal", "items"),
    "label": ("nominal", "items"),
    "labels": ("nominal", "labels"),
    "ranking": ("interval", "pairs"),
}
"""Kind of question -> how far two answers are apart, and of what there is one answer each.

Each of several labels is given or not. Of each two ranked answers the first one is better (1), the second
(-1) or none (0): a tie is half as far from a choice as the other choice is.
"""


class _Given(NamedTuple):
    """One value that a reviewer gave to a unit of an item."""

    item: int
    unit: tuple[int, tuple[str, ...]]
    value: float


def question_figures(rubric: Rubric, items: Sequence[ReviewedItem], *, seed: int = 0) -> list[dict[str, Any]]:
    """The figures of all questions, in the order of the rubric (docs/review-quality.md)."""
    counted = [item for item in items if "control" not in item.reasons]
    known = {question.name for question in comparable(rubric)}
    return [
        _figures(question, counted if question.name in known else None, seed) for question in rubric.questions
    ]


def _figures(question: RubricQuestion, items: Sequence[ReviewedItem] | None, seed: int) -> dict[str, Any]:
    metric, unit = METRICS.get(question.kind, (None, "items"))
    entry = {
        "question": question.name,
        "title": question.title,
        "kind": question.kind,
        "metric": metric,
        "unit": unit,
    }
    if items is None or metric is None:
        nothing = {"value": None, "low": None, "high": None, "items": 0, "raters": 0, "values": 0}
        return {**entry, "alpha": nothing}
    given = list(_given(question, items))
    units = {each.unit: number for number, each in enumerate(given)}
    found = krippendorff_alpha(
        np.array([units[each.unit] for each in given], np.int64),
        np.array([each.value for each in given], np.float64),
        metric,
        items=np.array([each.item for each in given], np.int64),
        seed=seed,
    )
    raters = {who for item in items for who, answers in said_of(item).items() if question.name in answers}
    return {**entry, "alpha": {**found._asdict(), "raters": len(raters)}}


def _given(question: RubricQuestion, items: Sequence[ReviewedItem]) -> Iterator[_Given]:
    numbers = {label: number for number, label in enumerate(question.labels)}
    for number, item in enumerate(items):
        for answers in said_of(item).values():
            for part, value in words_of(question, answers):
                if question.kind == "labels":
                    for label in question.labels:
                        yield _Given(number, (number, (label,)), float(label in value))
                elif question.kind == "label":
                    yield _Given(number, (number, part), float(numbers.get(value, len(numbers))))
                else:
                    yield _Given(number, (number, part), float(value))
