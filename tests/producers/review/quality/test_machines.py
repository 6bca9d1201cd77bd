"""Models beside people, label by label."""

from typing import Any

import pytest
from plaudit_producers.review.quality.machines import machine_figures

from tests.producers.review.quality.queues import entry, item, rubric_of


def _item(number: int, question: str, people: Any, model: Any, aspect: str = "") -> Any:
    return item(
        number,
        {who: {question: people} for who in ("ana", "ben")},
        machine={"judge:1": {aspect or question: model}},
    )


def test_a_score_is_compared_with_thumbs_by_its_side() -> None:
    said = [(True, 0.9)] * 6 + [(True, 0.1)] * 2 + [(False, 0.5)] + [(False, 0.2)] * 5
    items = [_item(number, "helpful", *each) for number, each in enumerate(said)]
    (found,) = machine_figures(rubric_of(), items)
    assert (found["model"], found["labels"], found["confusion"]) == (
        "judge:1", ["yes", "no"], [[6, 2], [1, 5]],
    )  # fmt: skip
    assert (found["accuracy"]["right"], found["accuracy"]["count"]) == (11, 14)
    # (6 * 5 - 2 * 1) / sqrt(8 * 7 * 6 * 7)
    assert found["correlation"] == pytest.approx(28 / 2352**0.5)
    yes = entry(found["per_label"], label="yes")
    assert (yes["count"], yes["precision"], yes["recall"]) == (8, 6 / 7, 6 / 8)
    assert yes["correlation"] == pytest.approx(found["correlation"])


def test_a_rating_in_the_middle_says_nothing() -> None:
    said = [(5, 0.9), (4, 0.2), (3, 0.9), (1, 0.1)]
    (found,) = machine_figures(rubric_of(), [_item(n, "quality", *each) for n, each in enumerate(said)])
    assert (found["labels"], found["confusion"]) == (["high", "low"], [[1, 1], [0, 1]])


def test_labels_are_compared_by_name() -> None:
    said = [("warm", ["warm"]), ("cold", ["rude", "warm"]), ("rude", ["other"]), ("warm", 0.5)]
    (found,) = machine_figures(rubric_of(), [_item(n, "tone", *each) for n, each in enumerate(said)])
    assert found["confusion"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_a_score_of_accuracy_says_correct_or_not() -> None:
    rubric = rubric_of(
        questions=[
            {
                "name": "facts",
                "kind": "label",
                "labels": ["correct", "incorrect"],
                "aspect": "accuracy",
                "title": "?",
            }
        ]
    )
    said = [("correct", 0.9), ("incorrect", 0.9), ("incorrect", 0.1)]
    items = [_item(n, "facts", *each, aspect="accuracy") for n, each in enumerate(said)]
    (found,) = machine_figures(rubric, items)
    assert (found["aspect"], found["confusion"]) == ("accuracy", [[1, 0], [1, 1]])


def test_each_of_several_labels_has_its_own_figures() -> None:
    said = [
        (["false"], ["false", "unsafe"]),
        (["unsafe"], ["unsafe"]),
        (["false"], ["unsafe"]),
        (["false"], 0.1),
    ]
    found = machine_figures(rubric_of(), [_item(n, "flags", *each) for n, each in enumerate(said)])
    assert [(each["label"], each["confusion"]) for each in found] == [
        ("false", [[1, 1], [0, 1]]),
        ("unsafe", [[1, 0], [2, 0]]),
    ]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"reasons": ("control",)}, id="a control item"),
        pytest.param(
            {"verdicts": {"ana": {"helpful": True}, "ben": {"helpful": False}}}, id="people in two minds"
        ),
        pytest.param({"verdicts": {}}, id="nobody"),
        pytest.param({"machine": {"judge:1": {"other": 1.0}}}, id="another aspect"),
        pytest.param({"machine": {"judge:1": {"helpful": ["yes"]}}}, id="labels for a thumb"),
    ],
)
def test_there_is_nothing_to_compare(more: dict[str, Any]) -> None:
    assert machine_figures(rubric_of(), [_item(0, "helpful", True, 0.9)._replace(**more)]) == []


def test_an_adjudicator_speaks_for_people() -> None:
    found = _item(0, "helpful", True, 0.9)._replace(adjudicated={"lea": {"helpful": False}})
    (figures,) = machine_figures(rubric_of(), [found])
    assert figures["confusion"] == [[0, 0], [1, 0]]
