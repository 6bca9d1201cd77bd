"""Each reviewer on control items and against the others, and who stands out. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.selection import control_targets

from plaudit_producers.review.quality.pace import median_seconds, moments_of, seconds_between
from plaudit_producers.review.quality.shares import Hits, below_by_chance
from plaudit_producers.review.quality.words import (
    comparable,
    is_same,
    majority,
    said_of,
    settled_words,
    words_of,
)

CHANCE: Final = 0.01
"""How likely it may be that chance alone names anybody of all reviewers."""
CLEAR: Final = 0.1
"""How far below the others a careless reviewer is at least."""


def reviewer_figures(rubric: Rubric, items: Sequence[ReviewedItem]) -> list[dict[str, Any]]:
    """The figures of all who answered or declined, by name (docs/review-quality.md)."""
    tallies = _tallies(rubric, items)
    moments = moments_of(items)
    reviewers = sorted(tallies.keys() | moments.keys())
    lease_ms = rubric.lease_minutes * 60_000
    figures = []
    for reviewer in reviewers:
        others = [tally for name, tally in tallies.items() if name != reviewer]
        times = seconds_between(moments.get(reviewer, ()), lease_ms)
        figures.append(
            {
                "reviewer": reviewer,
                **tallies[reviewer].figures(others),
                "median_seconds": median_seconds(times),
            }
        )
    return figures


class _Tally:
    """What one reviewer did."""

    def __init__(self) -> None:
        self.answered = self.surplus = self.declined = 0
        self.hits = {"controls": Hits(), "majority": Hits()}

    def figures(self, others: Sequence["_Tally"]) -> dict[str, Any]:
        why = [name for name in self.hits if self._stands_out(name, others)]
        return {
            "answered": self.answered,
            "surplus": self.surplus,
            "declined": self.declined,
            **{name: hits.share() for name, hits in self.hits.items()},
            "careless": bool(why),
            "why": why,
        }

    def _stands_out(self, name: str, others: Sequence["_Tally"]) -> bool:
        own = self.hits[name]
        right, count = (
            sum(each.hits[name].right for each in others),
            sum(each.hits[name].count for each in others),
        )
        if not own.count or not count:
            return False
        # Nobody is always right: others who made no error yet will make one.
        usual = min(right / count, (right + 1) / (count + 2))
        chance = CHANCE / (len(self.hits) * (len(others) + 1))
        return own.right / own.count <= usual - CLEAR and below_by_chance(own, usual) < chance


def _tallies(rubric: Rubric, items: Sequence[ReviewedItem]) -> Mapping[str, _Tally]:
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    expected, questions = control_targets(rubric), comparable(rubric)
    for item in items:
        for reviewer in item.declined:
            tallies[reviewer].declined += 1
        is_control = "control" in item.reasons
        for reviewer in said_of(item):
            tallies[reviewer].answered += 1
            tallies[reviewer].surplus += reviewer not in item.verdicts and not is_control
        right = expected.get(item.target, {}) if is_control else {}
        for question in questions:
            found = _against_known(question, item, right) if is_control else _against_others(question, item)
            for reviewer, is_right in found:
                tallies[reviewer].hits["controls" if is_control else "majority"].add(is_right)
    return tallies


def _against_known(
    question: RubricQuestion, item: ReviewedItem, expected: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    if question.name not in expected:
        return
    for known in words_of(question, expected):
        for reviewer, answers in said_of(item).items():
            for word in words_of(question, answers):
                yield reviewer, is_same(question, word.value, known.value)


def _against_others(question: RubricQuestion, item: ReviewedItem) -> Iterator[tuple[str, bool]]:
    """Who agrees with the adjudicator, or else with most of the others, where these are of one mind."""
    settled = settled_words(question, item)
    by_part: defaultdict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)
    for reviewer, answers in said_of(item).items():
        for part, value in words_of(question, answers):
            by_part[part][reviewer] = value
    for part, values in by_part.items():
        for reviewer, value in values.items():
            others = [other for name, other in values.items() if name != reviewer]
            usual = settled[part] if part in settled else majority(question, others)
            if usual is not None:
                yield reviewer, is_same(question, value, usual)
