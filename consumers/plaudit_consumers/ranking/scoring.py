"""Scores answers by the thousand with one model. A text that comes often is scored once."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from plaudit_schemas.errors import ModelInputError
from plaudit_schemas.models.inputs import Turns
from plaudit_schemas.models.scores import AnswerModel, Score

from plaudit_consumers.ranking.candidates import Candidate
from plaudit_consumers.ranking.standings import ScoredAnswer

AT_ONCE: Final = 1024
"""Answers that are scored together, to bound the memory."""
_NO_SCORE: Final = Score(math.nan, math.nan, math.nan, 0, cut=False)
Item = TypeVar("Item")
Fates = Counter[str]
"""How many answers were scored, and how many were not, by reason."""


def score_candidates(model: AnswerModel, candidates: Iterable[Candidate]) -> list[ScoredAnswer]:
    """Score the answers of a file of prompts.

    Raises:
        ModelError: the runtime failed.
    """
    scored: list[ScoredAnswer] = []
    for some in pieces(candidates):
        scores = score_turns(model, [candidate.turns for candidate in some])
        scored += [
            ScoredAnswer(one.prompt, one.model, score or _NO_SCORE, len(one.turns[-1].content))
            for one, score in zip(some, scores, strict=True)
        ]
    return scored


def score_turns(model: AnswerModel, answers: Sequence[Turns]) -> list[Score | None]:
    """The score of each answer; None where the model's chat template does not take the turns.

    A score without a number is one at which the graph failed.

    Raises:
        ModelError: the runtime failed.
    """
    texts = [_input(model, turns) for turns in answers]
    different = list(dict.fromkeys(text for text in texts if text is not None))
    scores = dict(zip(different, model.score(different), strict=True)) if different else {}
    return [None if text is None else scores[text] for text in texts]


def pieces(items: Iterable[Item], size: int = AT_ONCE) -> Iterator[list[Item]]:
    """The items in lists of at most this length."""
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece


def fate_of(score: Score | None) -> str:
    """`scored`, or why there is no number: `input` or `output`."""
    if score is None:
        return "input"
    return "output" if math.isnan(score.number) else "scored"


def _input(model: AnswerModel, turns: Turns) -> str | None:
    try:
        return model.input_of(turns)
    except ModelInputError:
        return None
