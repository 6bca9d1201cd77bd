"""Reads judgements: which of them count, and as which score."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.contract.ratings import judged_correct, share_of_scale

from plaudit_consumers.rows.reasons import JudgementReason
from plaudit_consumers.rows.settings import EVERY_ASPECT, RowRules

Judgement = Mapping[str, Any]
"""A feedback or a comparison of a canonical row: column name -> value."""
_RATINGS = ("thumb", "number", "label")


class Rating(NamedTuple):
    """A rating of an answer.

    Attributes:
        score: from 0 to 1, where 1 is best.
        raters: how many raters it is the mean of.
    """

    score: float
    raters: int


class CountedJudgements:
    """The judgements of one application that the rules count."""

    def __init__(self, application: str, rules: RowRules, aspects: Aspects) -> None:
        self._application, self._rules, self._aspects = application, rules, aspects

    def refusal(self, judgement: Judgement) -> JudgementReason | None:
        """Why a judgement does not count, by its rater and its aspect; None if it counts."""
        if judgement["rater"]["kind"] not in self._rules.rater_kinds:
            return "rater_not_chosen"
        aspect, asked_for = judgement["aspect"], self._rules.aspects
        if self._is_asked_for(aspect):
            return None
        if asked_for:
            return "aspect_not_chosen"
        is_unknown = self._declaration(aspect) is None and self._aspects.declared(self._application)
        return "aspect_not_declared" if is_unknown else None

    def is_neutral(self, aspect: str) -> bool:
        """Whether neither end of the aspect's scale is better."""
        declaration = self._declaration(aspect)
        return declaration is not None and declaration.direction == "neutral"

    def rating(self, feedback: Judgement) -> Rating | JudgementReason:
        """The rating that a feedback gives, or why it gives none."""
        if feedback["kind"] not in _RATINGS:
            return "not_a_rating"
        aspect = feedback["aspect"]
        declaration = self._declaration(aspect)
        # A thumb says itself what is better. Of a number on an aspect of the user's own nobody does: a low
        # verbosity is no dislike.
        is_known = self._aspects.knows(self._application, aspect) or self._is_asked_for(aspect)
        if feedback["kind"] == "number" and not is_known:
            return "aspect_not_declared"
        share = _share(feedback, declaration)
        if isinstance(share, str):
            return share
        score = share if declaration is None else declaration.oriented(share)
        return "aspect_neutral" if score is None else Rating(score, feedback["number_raters"] or 1)

    def _is_asked_for(self, aspect: str) -> bool:
        return EVERY_ASPECT in self._rules.aspects or aspect in self._rules.aspects

    def _declaration(self, aspect: str) -> AspectDeclaration | None:
        return self._aspects.find(self._application, aspect)


def _share(feedback: Judgement, declaration: AspectDeclaration | None) -> float | JudgementReason:
    """The position on the scale, from 0 to 1."""
    kind = feedback["kind"]
    if kind == "thumb" and feedback["thumb"] is not None:
        return float(feedback["thumb"])
    if kind == "number" and feedback["number"] is not None:
        share = _number_share(feedback, declaration)
        return "scale_unknown" if share is None else share
    if kind == "label" and feedback["aspect"] == "accuracy":
        correct = judged_correct(feedback["labels"] or ())
        return "not_a_rating" if correct is None else float(correct)
    return "not_a_rating"


def _number_share(feedback: Judgement, declaration: AspectDeclaration | None) -> float | None:
    minimum, maximum = feedback["minimum"], feedback["maximum"]
    if (minimum is None or maximum is None or minimum == maximum) and declaration is not None:
        minimum, maximum = declaration.minimum, declaration.maximum
    if minimum is None or maximum is None:
        return None
    share = share_of_scale(feedback["number"], minimum, maximum)
    # A number outside its scale says no more than the scale's end.
    return None if share is None else min(1.0, max(0.0, share))


def confidence_of(judgement: Judgement) -> float:
    """The confidence of a rater, from 0 to 1; 1 if none was given."""
    confidence = judgement["confidence"]
    return 1.0 if confidence is None else float(confidence)
