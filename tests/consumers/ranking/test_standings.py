"""Who stands where, and how sure that is."""

import math
from typing import Any

import numpy as np
import pytest
from plaudit_consumers.ranking.documents import ranking_document, ranking_lines
from plaudit_consumers.ranking.resampling import Interval, draws, interval, weighted_means
from plaudit_consumers.ranking.standings import Ranking, ScoredAnswer, rank
from plaudit_schemas.models.scores import Score


def answer(prompt: object, model: str, reward: float, *, cut: bool = False) -> ScoredAnswer:
    number = round(1 / (1 + math.exp(-reward)), 3)
    score = Score(number, max(number, 1 - number), reward, 5, cut)
    return ScoredAnswer(str(prompt).encode(), model, score, 10)


def by_chance(prompts: int, gap: float, seed: int = 1) -> list[ScoredAnswer]:
    """Two models on prompts of unlike difficulty; `good` is ahead by `gap` on average."""
    dice = np.random.default_rng(seed)
    found = []
    for prompt in range(prompts):
        ease = dice.normal(0, 3)
        found.append(answer(prompt, "bad", ease + dice.normal()))
        found.append(answer(prompt, "good", ease + gap + dice.normal()))
    return found


def names(ranking: Ranking) -> list[str]:
    return [standing.model for standing in ranking.standings]


def test_the_better_model_is_first_with_intervals() -> None:
    ranking = rank(by_chance(300, 1.0, seed=2))
    first, second = ranking.standings
    assert names(ranking) == ["good", "bad"]
    assert (first.rank, first.ranks, second.rank, second.ranks) == (1, (1, 1), 2, (2, 2))
    assert first.ahead is not None
    assert second.ahead is None
    assert first.ahead.low is not None
    assert 0.6 < first.ahead.low < first.ahead.value
    assert first.wins is not None
    assert second.wins is not None
    assert first.wins.value + second.wins.value == pytest.approx(1)
    # The prompts are easy or hard for both, so the lead is surer than each mean.
    assert first.reward.high is not None
    assert first.reward.low is not None
    assert first.ahead.high is not None
    assert first.ahead.high - first.ahead.low < first.reward.high - first.reward.low


def test_equal_models_are_not_told_apart() -> None:
    first, second = rank(by_chance(200, 0.0, seed=2)).standings
    assert first.ranks == second.ranks == (1, 2)
    assert first.ahead is not None
    assert first.ahead.low is not None
    assert first.ahead.low < 0 < (first.ahead.high or 0)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        lead = rank(by_chance(60, 0.5, seed), resamples=200).standings
        of_good = {standing.model: standing.reward.value for standing in lead}
        ahead = lead[0].ahead
        assert ahead is not None
        sign = 1 if lead[0].model == "good" else -1
        low, high = sorted(sign * bound for bound in (ahead.low or 0, ahead.high or 0))
        assert low <= of_good["good"] - of_good["bad"] <= high
        held += low <= 0.5 <= high
    assert 52 <= held <= 60


def test_the_same_answers_give_the_same_ranking() -> None:
    answers = by_chance(50, 0.2)
    assert rank(answers) == rank(answers)


def test_several_answers_to_a_prompt_count_as_one() -> None:
    answers = [answer(1, "a", 0.0), answer(1, "a", 2.0), answer(1, "b", 1.5), answer(2, "a", 1.0)]
    a, b = sorted(rank(answers).standings)
    assert (a.prompts, a.answers, b.prompts, b.answers) == (2, 3, 1, 1)
    assert a.reward.value == pytest.approx(1.0)
    assert a.wins is not None
    assert a.wins.value == pytest.approx(0.5)


def test_a_difference_below_rounding_is_half_a_win() -> None:
    first, second = rank([answer(1, "a", 1.0001), answer(1, "b", 1.0)], "wins").standings
    assert first.wins == second.wins == Interval(0.5)


def test_wins_and_rewards_may_rank_differently() -> None:
    answers = []
    for prompt, (one, other) in enumerate([(1.0, 0.9), (1.0, 0.9), (1.0, 9.0)]):
        answers += [answer(prompt, "steady", one), answer(prompt, "bold", other)]
    assert names(rank(answers, "reward")) == ["bold", "steady"]
    assert names(rank(answers, "wins")) == ["steady", "bold"]


def test_only_shared_prompts_if_asked() -> None:
    answers = [answer(1, "a", 0.0), answer(1, "b", 1.0), answer(2, "a", 9.0)]
    assert names(rank(answers)) == ["a", "b"]
    shared = rank(answers, shared_only=True)
    assert (names(shared), shared.prompts, shared.shared) == (["b", "a"], 1, 1)
    assert "answered different prompts, 1 of them all models" in " ".join(ranking_lines(rank(answers), "m@1"))
    assert "different prompts" not in " ".join(ranking_lines(shared, "m@1"))


def test_nothing_is_shared() -> None:
    ranking = rank([answer(1, "a", 0.0), answer(2, "b", 1.0)], shared_only=True)
    assert ranking.prompts == 0
    assert all(math.isnan(standing.score.value) for standing in ranking.standings)
    assert ranking_document(ranking)["standings"][0]["score"]["value"] is None


def test_one_model_has_a_mean_and_no_wins() -> None:
    [alone] = rank([answer(prompt, "a", prompt) for prompt in range(9)], "wins").standings
    assert (alone.wins, alone.ahead, alone.ranks) == (None, None, (1, 1))
    assert alone.score.low is not None


def test_one_prompt_has_no_interval() -> None:
    first, _ = rank([answer(1, "a", 1.0), answer(1, "b", 0.0)]).standings
    assert (first.ranks, first.score.low, first.ahead) == (None, None, Interval(1.0))


def test_one_prompt_of_a_model_has_no_interval_beside_others() -> None:
    answers = [answer(prompt, "a", 1.0 + prompt) for prompt in range(5)]
    alone, many = sorted(rank([*answers, answer(9, "b", 0.0)]).standings, key=lambda each: each.prompts)
    assert (alone.model, alone.reward) == ("b", Interval(0.0))
    assert many.reward.low is not None
    assert many.ahead == Interval(3.0)


def test_answers_without_a_number_are_counted_and_left_out() -> None:
    none = Score(math.nan, math.nan, math.nan, 3, cut=False)
    answers = [answer(1, "a", 1.0, cut=True), ScoredAnswer(b"1", "b", none, 4), answer(2, "b", 0.0)]
    a, b = sorted(rank(answers).standings)
    assert (a.cut, a.unscored, b.unscored, b.prompts, b.answers) == (1, 0, 1, 1, 2)
    lines = ranking_lines(rank(answers), "m@1")
    assert "b: 1 answers got no score" in lines
    assert "a: 1 answers were longer than the model takes, and were cut" in lines


def test_a_prompt_without_any_number_is_not_counted() -> None:
    none = Score(math.nan, math.nan, math.nan, 3, cut=False)
    assert rank([ScoredAnswer(b"1", "a", none, 4), answer(2, "a", 0.0)]).prompts == 1


def test_a_model_with_no_number_at_all_is_last() -> None:
    none = Score(math.nan, math.nan, math.nan, 3, cut=False)
    answers = [ScoredAnswer(b"1", "a", none, 4), answer(1, "b", -5.0), answer(2, "b", -5.0)]
    assert names(rank(answers)) == ["b", "a"]


def test_names_cannot_send_sequences_to_the_terminal() -> None:
    lines = ranking_lines(rank([answer(1, "a\x1b[2J", 1.0, cut=True)]), "m@1")
    assert "\x1b" not in "".join(lines)


def test_draws_are_of_whole_groups_and_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(7, 50)))
    assert whole.shape == (50, 7)
    assert (whole.sum(axis=1) == 7).all()
    monkeypatch.setattr("plaudit_consumers.ranking.resampling._CELLS", 70)
    pieces = list(draws(7, 50))
    assert [len(piece) for piece in pieces] == [10] * 5
    assert (np.concatenate(pieces) == whole).all()


def test_means_leave_out_what_is_missing() -> None:
    values: Any = np.array([[1.0, np.nan], [3.0, np.nan]])
    [[first, second]] = weighted_means(np.array([[1, 3]]), values)
    assert first == pytest.approx(2.5)
    assert math.isnan(second)
    assert interval(1.0, np.array([np.nan]), 5) == Interval(1.0)
