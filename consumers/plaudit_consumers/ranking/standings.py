"""Ranks models by the scores of their answers to the same prompts. Pure.

A prompt counts once: several answers of a model to one prompt are averaged. Of two answers the one with the
higher reward wins; rewards that are equal to three decimals are half a win for each.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations
from math import isnan
from typing import Any, Literal, NamedTuple

import numpy as np
from plaudit_schemas.models.scores import Score

from plaudit_consumers.ranking.resampling import (
    RESAMPLES,
    SEED,
    Floats,
    Interval,
    draws,
    interval,
    weighted_means,
)

RankedBy = Literal["reward", "wins"]


class ScoredAnswer(NamedTuple):
    """A model's answer to a prompt, with its score.

    Attributes:
        characters: of the answer.
    """

    prompt: bytes
    model: str
    score: Score
    characters: int


class Standing(NamedTuple):
    """Where a model stands.

    Attributes:
        rank: from 1; `ranks` is its 95 % interval.
        prompts: that it has a score on.
        score: mean number from 0 to 1.
        reward: mean output of the scoring model before calibration.
        wins: share of comparisons with the other models' answers that it wins; None without any.
        ahead: by how much it leads the next in what the ranking is by; None for the last.
        characters: mean length of its answers.
        cut: answers that were longer than the scoring model takes.
        unscored: answers to which the scoring model gave no number.
    """

    model: str
    rank: int
    ranks: tuple[int, int] | None
    prompts: int
    answers: int
    score: Interval
    reward: Interval
    wins: Interval | None
    ahead: Interval | None
    characters: float
    cut: int
    unscored: int


class Ranking(NamedTuple):
    """The standings, best first.

    Attributes:
        prompts: in the comparison.
        shared: prompts that every model has a score on.
    """

    by: RankedBy
    standings: list[Standing]
    prompts: int
    shared: int


class _Figures(NamedTuple):
    """Per prompt and model, of shape [prompts, models]; NaN where there is none."""

    score: Floats
    reward: Floats
    wins: Floats
    characters: Floats


def rank(
    answers: Sequence[ScoredAnswer],
    by: RankedBy = "reward",
    *,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Ranking:
    """Rank the models.

    Args:
        answers: at least one.
        shared_only: count only prompts that every model has a score on.
    """
    models = sorted({answer.model for answer in answers})
    figures = _figures(answers, models)
    everywhere = ~np.isnan(figures.score).any(axis=1)
    if shared_only:
        figures = _Figures(*(values[everywhere] for values in figures))
    # Prompts without any score say nothing, and must not widen the intervals.
    scored = ~np.isnan(figures.score).all(axis=1)
    figures = _Figures(*(values[scored] for values in figures))
    standings = _standings(answers, models, figures, by, list(draws_of(figures, resamples, seed)))
    return Ranking(by, standings, len(figures.score), int(everywhere.sum()))


def draws_of(figures: "_Figures", resamples: int, seed: int) -> Any:
    """Resampled means of score, reward and wins, each of shape [resamples, models]."""
    groups = len(figures.score)
    if not groups:
        return [np.full((1, figures.score.shape[1]), np.nan)] * 3
    found: list[list[Floats]] = [[], [], []]
    for weights in draws(groups, resamples, seed):
        for kept, values in zip(found, figures[:3], strict=True):
            kept.append(weighted_means(weights, values))
    return [np.concatenate(kept) for kept in found]


def _figures(answers: Sequence[ScoredAnswer], models: Sequence[str]) -> _Figures:
    column = {model: at for at, model in enumerate(models)}
    by_prompt: dict[bytes, dict[int, list[ScoredAnswer]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        by_prompt[answer.prompt][column[answer.model]].append(answer)
    figures = _Figures(*(np.full((len(by_prompt), len(models)), np.nan) for _ in _Figures._fields))
    for row, of_models in enumerate(by_prompt.values()):
        rewards: dict[int, Floats] = {}
        for at, some in of_models.items():
            figures.characters[row, at] = np.mean([each.characters for each in some])
            scored = [each.score for each in some if not isnan(each.score.number)]
            if scored:
                figures.score[row, at] = np.mean([score.number for score in scored])
                figures.reward[row, at] = np.mean([score.reward for score in scored])
                rewards[at] = np.round([score.reward for score in scored], 3)
        for at, share in _win_shares(rewards).items():
            figures.wins[row, at] = share
    return figures


def _win_shares(rewards: Mapping[int, Floats]) -> dict[int, float]:
    """The share that each model wins on one prompt, averaged over the other models."""
    won: dict[int, list[float]] = defaultdict(list)
    for one, other in permutations(rewards, 2):
        difference = rewards[one][:, None] - rewards[other][None, :]
        won[one].append(float(np.mean((np.sign(difference) + 1) / 2)))
    return {at: float(np.mean(shares)) for at, shares in won.items()}


def _standings(
    answers: Sequence[ScoredAnswer],
    models: Sequence[str],
    figures: _Figures,
    by: RankedBy,
    resampled: Sequence[Floats],
) -> list[Standing]:
    groups = len(figures.score)
    means = [weighted_means(np.ones((1, groups)), values)[0] for values in figures]
    # A mean over one prompt has no interval, however many prompts other models answered.
    seen = [(~np.isnan(values)).sum(axis=0) for values in figures]
    # With one model there are no wins, and the reward decides.
    key = 2 if by == "wins" and not np.isnan(means[2]).all() else 1
    order = sorted(
        range(len(models)), key=lambda at: (_down(means[key][at]), _down(means[1][at]), models[at])
    )
    ranks = _rank_intervals(resampled[key], groups)

    def of(figure: int, at: int) -> Interval:
        return interval(float(means[figure][at]), resampled[figure][:, at], int(seen[figure][at]))

    def lead(at: int, other: int) -> Interval:
        difference = resampled[key][:, at] - resampled[key][:, other]
        return interval(
            float(means[key][at] - means[key][other]), difference, int(min(seen[key][at], seen[key][other]))
        )

    standings = []
    for place, at in enumerate(order):
        own = [answer for answer in answers if answer.model == models[at]]
        standings.append(
            Standing(
                model=models[at],
                rank=place + 1,
                ranks=None if ranks is None else ranks[at],
                prompts=int((~np.isnan(figures.score[:, at])).sum()),
                answers=len(own),
                score=of(0, at),
                reward=of(1, at),
                wins=None if isnan(means[2][at]) else of(2, at),
                ahead=lead(at, order[place + 1]) if place + 1 < len(order) else None,
                characters=float(means[3][at]),
                cut=sum(answer.score.cut for answer in own),
                unscored=sum(isnan(answer.score.number) for answer in own),
            )
        )
    return standings


def _down(value: float) -> float:
    """A key that sorts high values first, and those without a value last."""
    return np.inf if isnan(value) else -value


def _rank_intervals(resampled: Floats, groups: int) -> list[tuple[int, int]] | None:
    if groups < 2:
        return None
    known = np.where(np.isnan(resampled), -np.inf, resampled)
    places = (known[:, :, None] < known[:, None, :]).sum(axis=2) + 1
    low, high = np.percentile(places, (2.5, 97.5), axis=0, method="nearest")
    return [(int(first), int(last)) for first, last in zip(low, high, strict=True)]
