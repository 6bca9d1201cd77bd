"""Reviewers on control items and against the others."""

import math

import pytest
from plaudit_producers.review.quality.reviewers import reviewer_figures
from plaudit_producers.review.quality.shares import Hits, below_by_chance
from plaudit_schemas.statistics.intervals import wilson

from tests.producers.review.quality.queues import T0_MS, entry, item, rubric_of, simulated, thumbs

SKILLS = {"ana": 0.95, "ben": 0.9, "cleo": 0.9, "dan": 0.0}
"""Dan guesses."""


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed {seed}")
def test_who_guesses_is_found_out_and_nobody_else(seed: int) -> None:
    figures = reviewer_figures(*simulated(seed, SKILLS))
    assert {each["reviewer"]: each["why"] for each in figures} == {
        "ana": [], "ben": [], "cleo": [], "dan": ["controls", "majority"],
    }  # fmt: skip
    assert [each["careless"] for each in figures] == [False, False, False, True]


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed {seed}")
def test_chance_alone_makes_nobody_careless(seed: int) -> None:
    figures = reviewer_figures(*simulated(seed, {str(number): 0.8 for number in range(10)}, items=60))
    assert [each["reviewer"] for each in figures if each["careless"]] == []


def test_one_wrong_control_is_not_enough() -> None:
    rubric, _ = simulated(0, SKILLS)
    assert rubric.controls is not None
    expected = bool(rubric.controls.items[0].expected["helpful"])
    said = {"ana": expected, "ben": expected, "dan": not expected}
    verdicts = {who: {"helpful": each} for who, each in said.items()}
    figures = reviewer_figures(rubric, [item(0, verdicts, reasons=("control",))])
    assert [each["careless"] for each in figures] == [False, False, False]
    assert entry(figures, reviewer="dan")["controls"]["share"] == 0


@pytest.mark.parametrize(
    ("right", "count", "usual"),
    [(0, 4, 0.9), (5, 10, 0.9), (70, 100, 0.8), (4, 5, 0.95)],
    ids=["none right", "half right", "many", "one wrong"],
)
def test_chance_is_the_tail_of_the_binomial_distribution(right: int, count: int, usual: float) -> None:
    tail = sum(
        math.comb(count, each) * usual**each * (1 - usual) ** (count - each) for each in range(right + 1)
    )
    assert below_by_chance(Hits(right, count), usual) == pytest.approx(tail, rel=1e-9)


def test_controls_have_wilsons_interval() -> None:
    rubric, items = simulated(3, SKILLS)
    assert rubric.controls is not None
    truth = {each.conversation: each.expected["helpful"] for each in rubric.controls.items}
    asked = [each for each in items if each.target.conversation_id in truth]
    right = sum(each.verdicts["ben"]["helpful"] == truth[each.target.conversation_id] for each in asked)
    low, high = wilson(right / 30, 30)
    assert entry(reviewer_figures(rubric, items), reviewer="ben")["controls"] == {
        "share": right / 30, "low": low, "high": high, "right": right, "count": 30,
    }  # fmt: skip


def test_the_majority_is_that_of_the_others() -> None:
    figures = reviewer_figures(rubric_of(), thumbs("++-", "+++", "-+ ", "+  "))
    hits = {each["reviewer"]: (each["majority"]["right"], each["majority"]["count"]) for each in figures}
    # Of the first item, a and b each stand against a tie of the others, and c against both.
    assert hits == {"a": (1, 2), "b": (1, 2), "c": (1, 2)}


def test_what_an_adjudicator_settled_stands_for_the_majority() -> None:
    items = thumbs("++-", adjudicated={"lea": {"helpful": False}})
    figures = reviewer_figures(rubric_of(), items)
    assert {each["reviewer"]: each["majority"]["right"] for each in figures} == {"a": 0, "b": 0, "c": 1}


@pytest.mark.parametrize(
    ("scale", "said", "right"),
    [
        pytest.param((1, 5), 4, 1, id="a step of a fine scale"),
        pytest.param((1, 5), 3, 0, id="two steps of a fine scale"),
        pytest.param((0, 2), 1, 0, id="a step of a coarse scale"),
    ],
)
def test_a_step_of_a_fine_scale_is_no_other_rating(scale: tuple[int, int], said: int, right: int) -> None:
    low, high = scale
    rubric = rubric_of(
        questions=[{"name": "q", "kind": "rating", "title": "q", "minimum": low, "maximum": high}],
        controls={"items": [{"conversation": "c0", "message": "a", "expected": {"q": float(high)}}]},
    )
    (found,) = reviewer_figures(rubric, [item(0, {"ana": {"q": said}}, reasons=("control",))])
    assert (found["controls"]["right"], found["controls"]["count"]) == (right, 1)


def test_labels_of_a_control_may_come_in_any_order() -> None:
    rubric = rubric_of(
        controls={
            "items": [{"conversation": "c0", "message": "a", "expected": {"flags": ["unsafe", "false"]}}]
        }
    )
    said = item(0, {"ana": {"flags": ["false", "unsafe"]}, "ben": {"flags": ["false"]}}, reasons=("control",))
    figures = reviewer_figures(rubric, [said])
    assert [each["controls"]["right"] for each in figures] == [1, 0]


def test_surplus_declines_and_seconds_are_counted() -> None:
    items = [
        item(0, {"ana": {"helpful": True}}, declined={"ben": "unsure"}),
        item(1, {"ana": {"helpful": True}}, surplus={"ben": {"helpful": True}}),
        item(2, {"ana": {"helpful": True}}, answered_ms={"ana": T0_MS + 50_000}),
        item(3, {"ana": {"helpful": True}}, answered_ms={"ana": T0_MS + 9_000_000}),
    ]
    ana, ben = reviewer_figures(rubric_of(), items)
    assert (ana["answered"], ana["surplus"], ana["declined"], ana["median_seconds"]) == (4, 0, 0, 25.0)
    assert (ben["answered"], ben["surplus"], ben["declined"], ben["median_seconds"]) == (1, 1, 1, None)
