"""What votes say together where raters are weighted, or adjudicators decide."""

import pytest
from plaudit_consumers.rows.opinions import opinions
from plaudit_consumers.rows.resolve import Verdict, resolve_answer, resolve_pair
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.sibling_votes import sibling_votes

from tests.consumers.test_resolve import vote

WEIGHTED = RowRules(resolve="dawid-skene")
SETTLED = RowRules(resolve="adjudicated", kto_good_score=0.5, kto_bad_score=0.5)


def test_a_posterior_is_the_score_and_the_agreement_of_an_answer() -> None:
    votes = [vote("u", 1.0, confidence=0.5), vote("v", 0.0), vote("w", 0.0)]
    found = resolve_answer(votes, WEIGHTED, posteriors={"satisfaction": 0.9})
    assert isinstance(found.kto, Verdict)
    assert (found.kto.label, found.kto.agreement, found.kto.votes) == (True, 0.9, 3)
    assert found.kto.vote_weight == pytest.approx(0.45)
    assert found.kto.vote_strength == pytest.approx(0.8)
    assert found.sft == found.kto._replace(label=None)
    assert resolve_answer(votes, WEIGHTED, posteriors={"satisfaction": 0.7}).sft == "below_threshold"


def test_a_posterior_may_speak_against_all_who_voted() -> None:
    found = resolve_answer([vote("u", 1.0, confidence=0.5)], WEIGHTED, posteriors={"satisfaction": 0.2}).kto
    assert isinstance(found, Verdict)
    assert (found.label, found.agreement) == (False, 0.8)
    assert found.vote_weight == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("posterior", "chosen"),
    [(0.9, "first"), (0.1, "second"), (0.5, "tie")],
    ids=["the first", "the second", "neither"],
)
def test_a_posterior_decides_a_pair(posterior: float, chosen: str) -> None:
    votes = [vote("u", 1.0, origin="comparison"), vote("v", 0.0, origin="comparison")]
    found = resolve_pair(votes, WEIGHTED, {"satisfaction": posterior}).preference
    if chosen == "tie":
        assert found == "tie"
        return
    assert isinstance(found, Verdict)
    assert found.chosen == chosen
    assert found.agreement == pytest.approx(0.9)


def test_a_posterior_below_the_smallest_agreement_makes_no_row() -> None:
    rules = RowRules(resolve="dawid-skene", min_agreement=0.95)
    assert resolve_answer([vote()], rules, posteriors={"satisfaction": 0.9}).kto == "too_little_agreement"


def test_an_aspect_without_a_posterior_is_decided_by_its_votes() -> None:
    found = opinions([vote("u", 0.5)], WEIGHTED, {"accuracy": 0.9})
    assert found["satisfaction"].score() == 0.5


def test_an_adjudicator_decides_the_aspects_that_they_settled() -> None:
    votes = [
        vote("u", 1.0), vote("v", 1.0), vote("lea", 0.0, adjudicated=True),
        vote("u", 1.0, aspect="accuracy"), vote("v", 1.0, aspect="accuracy"),
    ]  # fmt: skip
    found = opinions(votes, SETTLED)
    assert {aspect: opinion.score() for aspect, opinion in found.items()} == {
        "satisfaction": 0,
        "accuracy": 1,
    }
    kto = resolve_answer(votes, SETTLED).kto
    assert isinstance(kto, Verdict)
    assert (kto.label, kto.aspect, kto.votes, kto.agreement) == (False, "satisfaction", 3, 1.0)
    by_votes = resolve_answer(votes, RowRules()).kto
    assert isinstance(by_votes, Verdict)
    assert by_votes.label is True


def test_adjudicators_may_disagree_too() -> None:
    votes = [vote("u"), vote("lea", 0.0, adjudicated=True), vote("max", 1.0, adjudicated=True)]
    assert resolve_answer(votes, SETTLED).kto == "tie"


@pytest.mark.parametrize("both", [True, False], ids=["both answers", "one answer"])
def test_ratings_settle_a_pair_if_both_answers_were_settled(both: bool) -> None:
    (found,) = sibling_votes([vote("lea", 1.0, adjudicated=True)], [vote("lea", 0.0, adjudicated=both)], 0.5)
    assert found.adjudicated is both
