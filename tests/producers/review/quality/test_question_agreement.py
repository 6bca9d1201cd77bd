"""Alpha of each kind of question, beside evalica's of a table made by hand."""

import math
import random
from typing import Any

import evalica
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from plaudit_producers.review.quality.agreement import question_figures

from tests.producers.review.quality.queues import PAIRS, entry, item, rubric_of, thumbs

_NONE = math.nan


def alpha_of(table: list[list[Any]], distance: Any) -> float:
    return float(evalica.alpha(pd.DataFrame(table), distance=distance, solver="naive").alpha)


def alpha(rubric: Any, items: Any, question: str) -> Any:
    return entry(question_figures(rubric, items), question=question)["alpha"]


def test_thumbs_are_compared_as_equal_or_not() -> None:
    found = alpha(rubric_of(), thumbs("+++", "--+", "+ -", "---", "++ ", "  +"), "helpful")
    table = [[1, 0, 1, 0, 1, _NONE], [1, 0, _NONE, 0, 1, _NONE], [1, 1, 0, 0, _NONE, 1]]
    assert found["value"] == pytest.approx(alpha_of(table, "nominal"))
    assert (found["items"], found["raters"], found["values"]) == (5, 3, 13)
    assert found["low"] < found["value"] < found["high"]


def test_ratings_are_compared_by_their_order() -> None:
    rng = random.Random(1)
    rows = [[rng.randint(1, 5) for _ in range(3)] for _ in range(30)]
    items = [
        item(number, {who: {"quality": value} for who, value in zip("abc", row, strict=True)})
        for number, row in enumerate(rows)
    ]
    expected = alpha_of([list(column) for column in zip(*rows, strict=True)], "ordinal")
    assert alpha(rubric_of(), items, "quality")["value"] == pytest.approx(expected)


def test_labels_are_compared_as_names() -> None:
    said = [("warm", "warm"), ("cold", "rude"), ("rude", "rude"), ("warm", "cold")]
    items = [item(number, {"a": {"tone": x}, "b": {"tone": y}}) for number, (x, y) in enumerate(said)]
    numbers = {"warm": 0, "cold": 1, "rude": 2}
    table = [[numbers[pair[side]] for pair in said] for side in (0, 1)]
    assert alpha(rubric_of(), items, "tone")["value"] == pytest.approx(alpha_of(table, "nominal"))


def test_each_of_several_labels_is_given_or_not() -> None:
    said = [(["false"], ["false", "unsafe"]), (["unsafe"], ["unsafe"]), (["false"], ["unsafe"])]
    items = [item(number, {"a": {"flags": x}, "b": {"flags": y}}) for number, (x, y) in enumerate(said)]
    table = [
        [float(label in pair[side]) for pair in said for label in ("false", "unsafe")] for side in (0, 1)
    ]
    found = alpha(rubric_of(), items, "flags")
    assert found["value"] == pytest.approx(alpha_of(table, "nominal"))
    assert (found["items"], found["values"]) == (3, 12)


def test_rankings_are_compared_by_pairs_and_a_tie_is_half_way() -> None:
    said = [
        ([["x"], ["y"], ["z"]], [["x"], ["z"], ["y"]]),
        ([["x", "y"], ["z"]], [["y"], ["x"], ["z"]]),
        ([["z"], ["x"], ["y"]], [["z"], ["x", "y"]]),
    ]
    items = [
        item(number, {"a": {"better": {"groups": one}}, "b": {"better": {"groups": other}}})
        for number, (one, other) in enumerate(said)
    ]
    table = [[1, 1, 1, 0, 1, 1, 1, -1, -1], [1, 1, -1, -1, 1, 1, 0, -1, -1]]
    found = entry(question_figures(PAIRS, items), question="better")
    assert found["alpha"]["value"] == pytest.approx(alpha_of(table, "interval"))
    assert (found["unit"], found["metric"], found["alpha"]["items"]) == ("pairs", "interval", 3)


def test_surplus_verdicts_count_and_control_items_do_not() -> None:
    items = thumbs("++", "--", "+-")
    moved = [
        each._replace(verdicts={"a": each.verdicts["a"]}, surplus={"b": each.verdicts["b"]}) for each in items
    ]
    controls = thumbs("+-", "+-", reasons=("control",))
    assert alpha(rubric_of(), [*moved, *controls], "helpful") == alpha(rubric_of(), items, "helpful")


def test_words_have_no_alpha() -> None:
    found = entry(question_figures(rubric_of(), thumbs("++")), question="why")
    assert (found["metric"], found["alpha"]["value"], found["alpha"]["items"]) == (None, None, 0)


def test_a_queue_without_verdicts_has_none() -> None:
    assert {each["alpha"]["value"] for each in question_figures(rubric_of(), [item(0, {})])} == {None}
