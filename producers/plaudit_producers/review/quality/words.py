"""How answers to a question compare: what agrees, and what most people say. Pure.

Answers are in the form of `answer_checks.tidied`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.answer_checks import WRITTEN
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric, RubricQuestion

FINE_SCALE: Final = 3
"""Steps of a scale from which on a neighbouring value is no other opinion."""


class ComparedWord(NamedTuple):
    """One thing that an answer says; a ranking says one of each two candidates.

    Attributes:
        part: what of the item it is about: empty, or two candidates in order.
        value: a thumb, a rating, a label, labels as a frozenset, or of two candidates 1 for the first being
            better, -1 for the second, 0 for neither.
    """

    part: tuple[str, ...]
    value: Any


def said_of(item: ReviewedItem) -> Mapping[str, Answers]:
    """Reviewer -> answers, surplus ones too: which of them fill a slot is chance."""
    return {**item.surplus, **item.verdicts} if item.surplus else item.verdicts


def comparable(rubric: Rubric) -> list[RubricQuestion]:
    """The questions whose answers can be compared: all but those that are answered in words."""
    return [question for question in rubric.questions if question.kind not in WRITTEN]


def words_of(question: RubricQuestion, answers: Answers) -> list[ComparedWord]:
    """What answers say to a question that can be compared; nothing if it is open."""
    answer = answers.get(question.name)
    if answer is None:
        return []
    if question.kind == "ranking":
        return list(_pairs(answer["groups"]))
    return [ComparedWord((), frozenset(answer) if question.kind == "labels" else answer)]


def is_same(question: RubricQuestion, said: Any, expected: Any) -> bool:
    """Whether a word agrees with another one, or with what most say. On a fine scale one step is nothing."""
    if question.kind != "rating":
        return bool(said == expected)
    step = 1 if question.maximum - question.minimum >= FINE_SCALE else 0
    return bool(abs(said - expected) <= step)


def majority(question: RubricQuestion, values: Sequence[Any]) -> Any:
    """What most say: more than half of them, or for a rating the median. None if there is no such word."""
    if not values:
        return None
    if values.count(values[0]) == len(values):  # the usual case
        return values[0]
    if question.kind == "rating":
        return median(values)
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else None


def settled_words(question: RubricQuestion, item: ReviewedItem) -> dict[tuple[str, ...], Any]:
    """Part -> what adjudicators said of it."""
    return _most(question, item.adjudicated.values()) if item.adjudicated else {}


def agreed_words(question: RubricQuestion, item: ReviewedItem) -> dict[tuple[str, ...], Any]:
    """Part -> what adjudicators said of it, or else most reviewers."""
    return {**_most(question, said_of(item).values()), **settled_words(question, item)}


def disagreement_of(rubric: Rubric, item: ReviewedItem) -> list[str]:
    """The questions on which an item waits for an adjudicator.

    These are required questions that the rubric's overlap of reviewers has answered, and not all alike.
    Numbers differ if they lie on different sides of the middle. Control items never wait.
    """
    said = said_of(item)
    if len(said) < max(2, rubric.overlap) or "control" in item.reasons:
        return []
    return [
        question.name
        for question in comparable(rubric)
        if question.required
        and sum(question.name in answers for answers in said.values()) >= rubric.overlap
        and not any(question.name in answers for answers in item.adjudicated.values())
        and _differ(question, said.values())
    ]


def _differ(question: RubricQuestion, said: Iterable[Answers]) -> bool:
    by_part: dict[tuple[str, ...], set[Hashable]] = {}
    for answers in said:
        for part, value in words_of(question, answers):
            by_part.setdefault(part, set()).add(_side(question, value))
    if question.kind in ("rating", "ranking"):
        return any({1, -1} <= sides for sides in by_part.values())
    return any(len(values) > 1 for values in by_part.values())


def _side(question: RubricQuestion, value: Hashable) -> Hashable:
    if not isinstance(value, int | float) or question.kind != "rating":
        return value
    twice, middle = 2 * value, question.minimum + question.maximum
    return (twice > middle) - (twice < middle)


def _most(question: RubricQuestion, said: Iterable[Answers]) -> dict[tuple[str, ...], Any]:
    values: dict[tuple[str, ...], list[Any]] = {}
    for answers in said:
        for part, value in words_of(question, answers):
            values.setdefault(part, []).append(value)
    found: Mapping[tuple[str, ...], Any] = {part: majority(question, each) for part, each in values.items()}
    return {part: value for part, value in found.items() if value is not None}


def _pairs(groups: Sequence[Sequence[str]]) -> Iterator[ComparedWord]:
    places = sorted((name, place) for place, group in enumerate(groups) for name in group)
    for (first, one), (second, other) in combinations(places, 2):
        yield ComparedWord((first, second), (one < other) - (one > other))
