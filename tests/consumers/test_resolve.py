"""What many votes say together."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_consumers.rows.resolve import AnswerVerdict, Verdict, resolve_answer, resolve_pair
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.sibling_votes import sibling_votes
from plaudit_consumers.rows.votes import Vote, read_votes

RULES = RowRules()
_HALF = {"kto_good_score": 0.5, "kto_bad_score": 0.5, "sft_min_score": 0.5}


def vote(rater: str = "u", score: float = 1.0, **more: Any) -> Vote:
    """A vote of the first conversation; later ones have a higher `at`."""
    at = more.pop("at", 0)
    given_ = {
        "rater_application": "acme", "rater_kind": "user", "rater_id": rater, "rater_version": None,
        "rater_conversation": None, "aspect": "satisfaction", "score": score, "confidence": 1.0,
        "strength": None, "raters": 1, "origin": "rating", "occurred_us": at, "finished_us": 9,
        "source_partition": 0, "source_offset": 1, "judgement": 0, **more,
    }  # fmt: skip
    return read_votes([given_])[0]


def votes_of(*origins: str) -> st.SearchStrategy[list[Vote]]:
    return st.lists(
        st.builds(
            vote,
            st.sampled_from("uvw"),
            st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
            at=st.integers(0, 5),
            aspect=st.sampled_from(["satisfaction", "accuracy"]),
            raters=st.integers(1, 3),
            confidence=st.sampled_from([0.5, 1.0]),
            strength=st.sampled_from([None, 0.5]),
            origin=st.sampled_from(origins),
            source_offset=st.integers(0, 3),
            judgement=st.one_of(st.none(), st.integers(0, 3)),
        ),
        max_size=8,
    )


OF_ANSWERS = votes_of("rating", "correction")
OF_PAIRS = votes_of("comparison", "correction", "sibling_ratings")


@pytest.mark.slow
@settings(max_examples=300)
@given(OF_ANSWERS, OF_PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(
    answers: list[Vote], pairs: list[Vote], rng: random.Random
) -> None:
    shuffled = rng.sample(answers, len(answers))
    assert resolve_answer(shuffled, RULES) == resolve_answer(answers, RULES)
    shuffled = rng.sample(pairs, len(pairs))
    assert resolve_pair(shuffled, RULES) == resolve_pair(pairs, RULES)


@pytest.mark.slow
@settings(max_examples=300)
@given(OF_ANSWERS, st.sampled_from([0.0, 0.5, 1.0]))
def test_a_raters_later_vote_replaces_the_earlier(votes: list[Vote], score: float) -> None:
    later = vote("u", score, at=9)
    replaced = (later.rater, later.aspect, "rating")
    rest = [each for each in votes if (each.rater, each.aspect, each.origin) != replaced]
    with_both, with_later = (resolve_answer([*some, later], RULES) for some in (votes, rest))
    assert (with_both.sft, with_both.kto) == (with_later.sft, with_later.kto)


@pytest.mark.slow
@settings(max_examples=300)
@given(OF_PAIRS)
def test_a_pair_that_is_turned_round_has_the_other_winner(votes: list[Vote]) -> None:
    # Of equally late votes of one rater the score decides, so such votes do not turn round.
    votes = list({each.order()[:6]: each for each in votes}.values())
    turned = [each._replace(score=1 - each.score) for each in votes]
    found, other = resolve_pair(votes, RULES).preference, resolve_pair(turned, RULES).preference
    if isinstance(found, str) or isinstance(other, str):
        assert found == other
        return
    assert {found.chosen, other.chosen} == {"first", "second"}
    assert found._replace(chosen=None) == other._replace(chosen=None)


@pytest.mark.slow
@settings(max_examples=300)
@given(OF_PAIRS)
def test_each_vote_on_a_pair_is_counted_or_superseded(votes: list[Vote]) -> None:
    found = resolve_pair(votes, RULES)
    explicit = [each for each in votes if each.origin != "sibling_ratings"]
    counted = {(each.rater, each.aspect) for each in explicit or votes}
    assert found.superseded == len(votes) - len(counted)


@pytest.mark.slow
@settings(max_examples=300)
@given(votes_of("rating"))
def test_each_rating_is_counted_or_superseded(votes: list[Vote]) -> None:
    found = resolve_answer(votes, RowRules(min_agreement=0, kto_good_score=0.5, kto_bad_score=0.5))
    assert found.superseded == len(votes) - len({(each.rater, each.aspect) for each in votes})
    assert isinstance(found.kto, Verdict) or found.kto == ("tie" if votes else "unrated")


def test_votes_of_raters_are_added_up() -> None:
    votes = [vote(f"u{at}", float(at >= 10)) for at in range(100)]
    found = resolve_answer(votes, RULES)
    assert isinstance(found.kto, Verdict)
    assert (found.kto.label, found.kto.votes, found.kto.agreement) == (True, 100, 0.9)
    assert found.kto.vote_strength == pytest.approx(0.8)
    assert isinstance(found.sft, Verdict)


@pytest.mark.parametrize(
    ("votes", "rules", "sft", "kto"),
    [
        ([], {}, "unrated", "unrated"),
        ([vote()], {"min_raters": 2}, "too_few_raters", "too_few_raters"),
        ([vote("u", 1), vote("v", 0)], {}, "tie", "tie"),
        ([vote("u", 1), vote("v", 0)], {"min_agreement": 0, **_HALF}, "tie", "tie"),
        ([vote("u", 1), vote("v", 0), vote("w", 0.5)], {"min_agreement": 0, **_HALF}, "tie", "tie"),
        ([vote("u", 0.5)], {}, "below_threshold", "between_thresholds"),
        ([vote("u", 1), vote("v", 1), vote("w", 0)], {"min_agreement": 0.7}, *["too_little_agreement"] * 2),
        ([vote("u", 1), vote("u", 0, aspect="accuracy")], {"kto_bad_score": 0.0}, "below_threshold", False),
        ([vote(origin="correction")], {}, True, "unrated"),
        ([vote("u", 0.7)], {}, "below_threshold", True),
    ],
    ids=["no vote", "too few", "as many for as against", "a tie at any agreement",
         "a tie beside a vote for neither", "in the middle", "too little agreement",
         "the worst aspect", "a corrected text", "good, but no target"],
)  # fmt: skip
def test_why_an_answer_gives_no_row(
    votes: list[Vote], rules: dict[str, Any], sft: str | bool, kto: str | bool
) -> None:
    found = resolve_answer(votes, RowRules(**rules))
    assert (_told(found.sft), _told(found.kto)) == (sft, kto)


def _told(verdict: Any) -> Any:
    """A reason, or the label, which is True for a target."""
    return verdict if isinstance(verdict, str) else verdict.label is not False


@pytest.mark.parametrize(
    ("facts", "sft"),
    [
        ({"corrected": True}, "corrected"),
        ({"empty": True}, "empty_answer"),
        ({"empty": True, "corrected": True}, "empty_answer"),
    ],
    ids=["corrected", "empty", "both"],
)
def test_a_liked_answer_that_is_no_target_is_labelled(facts: dict[str, Any], sft: str) -> None:
    found = resolve_answer([vote()], RULES, **facts)
    assert (found.sft, _told(found.kto)) == (sft, True)


def test_a_demonstration_needs_no_vote() -> None:
    found = resolve_answer([], RULES, demonstration=True)
    assert isinstance(found.sft, Verdict)
    assert (found.sft.origin, found.kto) == ("demonstration", "unrated")
    assert resolve_answer([vote("u", 0)], RULES, demonstration=True).sft == "below_threshold"


def test_the_latest_vote_of_a_rater_is_that_of_the_event_time_then_of_the_log() -> None:
    first, second = vote(at=5, score=0.0), vote(at=4, finished_us=99)
    assert _told(resolve_answer([first, second], RULES).kto) is False
    untimed = vote(occurred_us=None, finished_us=99)
    assert _told(resolve_answer([first, untimed], RULES).kto) is False
    before_1970 = vote(occurred_us=-5, score=0.0)
    assert _told(resolve_answer([before_1970, untimed], RULES).kto) is False
    later = vote(at=5, source_offset=2)
    assert resolve_answer([first, later], RULES) == AnswerVerdict(*resolve_answer([later], RULES)[:2], 1)


def test_an_explicit_vote_overrules_those_that_ratings_imply() -> None:
    implied = [vote(f"u{at}", 1.0, origin="sibling_ratings") for at in range(9)]
    found = resolve_pair([*implied, vote("v", 0.0, origin="comparison")], RULES)
    assert isinstance(found.preference, Verdict)
    assert (found.preference.chosen, found.preference.votes, found.superseded) == ("second", 1, 9)


def test_the_aspect_with_the_least_agreement_speaks_for_a_pair() -> None:
    votes = [vote(f"u{at}", origin="comparison", aspect="safety") for at in range(3)]
    votes += [vote(f"u{at}", float(at > 0), origin="comparison", aspect="style") for at in range(3)]
    found = resolve_pair(votes, RULES).preference
    assert isinstance(found, Verdict)
    assert found.aspect == "style"
    assert found.agreement == pytest.approx(2 / 3)


def test_the_strength_of_a_pair_is_that_of_the_winners() -> None:
    votes = [
        vote("u", 1.0, strength=0.2, origin="comparison"),
        vote("v", 1.0, strength=0.4, origin="comparison"),
        vote("w", 1.0, origin="comparison"),
        vote("x", 0.0, strength=1.0, origin="comparison"),
    ]
    found = resolve_pair(votes, RULES).preference
    assert isinstance(found, Verdict)
    assert found.vote_strength == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([vote("u", 1.0)], [vote("u", 0.0)], [("u", 1.0, 1.0)]),
        ([vote("u", 0.0)], [vote("u", 0.75)], [("u", 0.0, 0.75)]),
        ([vote("u", 0.5)], [vote("u", 0.25)], [("u", 0.5, None)]),
        ([vote("u", 1.0)], [vote("v", 0.0)], [("u", 1.0, 1.0), ("v", 1.0, 1.0)]),
        ([vote("u", 1.0), vote("v", 0.0)], [vote("v", 1.0)], [("u", 0.5, None), ("v", 0.0, 1.0)]),
        ([vote("u", 1.0)], [vote("u", 0.0, aspect="accuracy")], []),
        ([vote("u", 0.0, at=1), vote("u", 1.0, at=2)], [vote("u", 0.0)], [("u", 1.0, 1.0)]),
        ([vote("u", 1.0)], [], []),
    ],
    ids=["better", "worse", "too close", "two raters", "a rater of one answer", "other aspects",
         "rated again", "one answer alone"],
)  # fmt: skip
def test_ratings_of_two_answers_as_votes(
    first: list[Vote], second: list[Vote], expected: list[tuple[str, float, float | None]]
) -> None:
    found = sibling_votes(first, second, 0.5)
    assert [(each.rater_id, each.score, each.strength) for each in found] == expected
    assert all(each.origin == "sibling_ratings" for each in found)
