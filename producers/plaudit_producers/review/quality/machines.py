"""What models say beside what people say, label by label. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.statistics.correlation import matthews

from plaudit_producers.review.quality.shares import Hits
from plaudit_producers.review.quality.words import agreed_words, comparable

_MIDDLE: Final = 0.5
_YES_NO: Final = ("yes", "no")
_HIGH_LOW: Final = ("high", "low")
_RIGHT_WRONG: Final = ("correct", "incorrect")
_OPINIONS: Final = {"thumb": _YES_NO, "rating": _HIGH_LOW}
"""Kind of question -> the labels of the upper and of the lower half of a scale."""


class Matrix(NamedTuple):
    """Which figures belong together.

    Attributes:
        label: of a question with several labels, the one that is given or not; else empty.
        labels: those that are compared.
    """

    model: str
    question: str
    aspect: str
    label: str
    labels: tuple[str, ...]


def machine_figures(rubric: Rubric, items: Sequence[ReviewedItem]) -> list[dict[str, Any]]:
    """Each model beside what people agreed on, control items left out (docs/review-quality.md)."""
    cells: defaultdict[Matrix, defaultdict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for item in items:
        if not item.machine or "control" in item.reasons:
            continue
        for question in comparable(rubric):
            for matrix, people, model in _compared(question, item):
                cells[matrix][people, model] += 1
    return [_figures(matrix, cells[matrix]) for matrix in sorted(cells)]


def _compared(question: RubricQuestion, item: ReviewedItem) -> Iterator[tuple[Matrix, str, str]]:
    """What people agreed on, and what each model said of the same item."""
    agreed = agreed_words(question, item).get(())
    if agreed is None:
        return
    for model, by_aspect in item.machine.items():
        said = by_aspect.get(question.aspect)
        if said is None:
            continue
        key = (model, question.name, question.aspect)
        if question.kind == "labels":
            if isinstance(said, list):
                for label in question.labels:
                    yield Matrix(*key, label, _YES_NO), _yes(label in agreed), _yes(label in said)
            continue
        people, machine, labels = _labels(question, agreed, said)
        if people is not None and machine is not None:
            yield Matrix(*key, "", labels), people, machine


def _labels(
    question: RubricQuestion, agreed: Any, said: float | list[str]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The label of people, that of the model, and all labels; None where somebody is undecided."""
    if question.kind == "label":
        if isinstance(said, list):
            machine = next((label for label in said if label in question.labels), None)
            return agreed, machine, question.labels
        is_known = set(question.labels) == set(_RIGHT_WRONG)
        return agreed, _half(said, _RIGHT_WRONG) if is_known else None, question.labels
    labels = _OPINIONS.get(question.kind, _YES_NO)
    if isinstance(said, list) or question.kind not in _OPINIONS:
        return None, None, labels
    share = float(agreed)
    if question.kind == "rating":
        share = (agreed - question.minimum) / (question.maximum - question.minimum)
    # A rating in the middle says neither. A score there counts as high, as in the figures of the stream.
    people = None if share == _MIDDLE else _half(share, labels)
    return people, _half(said, labels), labels


def _half(share: float, labels: tuple[str, ...]) -> str:
    return labels[share < _MIDDLE]


def _yes(is_so: bool) -> str:
    return _YES_NO[not is_so]


def _figures(matrix: Matrix, cells: dict[tuple[str, str], int]) -> dict[str, Any]:
    labels = matrix.labels
    confusion = [[cells.get((people, model), 0) for model in labels] for people in labels]
    count = sum(map(sum, confusion))
    right = sum(row[at] for at, row in enumerate(confusion))
    return {
        "model": matrix.model,
        "aspect": matrix.aspect,
        "question": matrix.question,
        "label": matrix.label or None,
        "labels": list(labels),
        "confusion": confusion,
        "count": count,
        "accuracy": Hits(right, count).share(),
        "correlation": matthews(confusion),
        "per_label": [_one_label(label, at, confusion, count) for at, label in enumerate(labels)],
    }


def _one_label(label: str, at: int, confusion: Sequence[Sequence[int]], count: int) -> dict[str, Any]:
    right, people = confusion[at][at], sum(confusion[at])
    model = sum(row[at] for row in confusion)
    apart = [[right, people - right], [model - right, count - people - model + right]]
    return {
        "label": label,
        "count": people,
        "precision": right / model if model else None,
        "recall": right / people if people else None,
        "correlation": matthews(apart),
    }
