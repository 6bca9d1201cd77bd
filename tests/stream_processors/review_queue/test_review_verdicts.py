"""Reviewers' words in the log."""

from typing import Any

import pytest
from plaudit_schemas.contract.names import DECLINE_REVIEW
from plaudit_schemas.review.changes import QueueChanges
from plaudit_schemas.review.targets import ReviewTarget, item_id

from tests.stream_processors.builders import end, event, feedback, message, start
from tests.stream_processors.review_queue.builders import DAY_MS, Log, answered, arrival, rubric, the_item

TWO = [
    {"name": "helpful", "kind": "thumb", "title": "Helpful?"},
    {"name": "kind", "kind": "label", "labels": ["x", "y"], "title": "Kind?", "about": "prompt"},
]


def chat(*more: dict[str, Any]) -> Log:
    return Log(start(), message("q1", "user"), message("a1", at=2), *more)


def said(changes: QueueChanges) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.item, one.reviewer, dict(one.answers)) for one in changes.verdicts]


def test_each_answer_is_a_word_on_one_question_and_makes_an_item() -> None:
    given = rubric(questions=TWO)
    changes = chat(*answered(given, {"helpful": True, "kind": "x"})).changes(given)
    item = the_item(given)
    assert said(changes) == [(item, "rita", {"helpful": True}), (item, "rita", {"kind": "x"})]
    assert [(one.id, one.reasons) for one in changes.items] == [(item, ("answered",))]


def test_a_withdrawal_takes_its_answer_back() -> None:
    given = rubric()
    log = chat(
        *answered(given, {"helpful": True}), *answered(given, {"helpful": True}, withdrawn=True, at=60)
    )
    assert said(log.changes(given)) == [(the_item(given), "rita", {"helpful": None})]


def test_the_word_that_holds_counts_whatever_came_first() -> None:
    given = rubric()
    log = chat(
        *answered(given, {"helpful": True}),
        *answered(given, {"helpful": False}, submission="s2", at=60),
    )
    assert said(log.changes(given)) == [(the_item(given), "rita", {"helpful": False})]


def test_the_same_aspect_of_another_rubric_takes_nothing_away() -> None:
    given, other = rubric(), rubric(name="other")
    log = chat(*answered(given, {"helpful": True}), *answered(other, {"helpful": False}, at=60))
    assert said(log.changes(given)) == [(the_item(given), "rita", {"helpful": True})]
    assert said(log.changes(other)) == [(the_item(other), "rita", {"helpful": False})]


@pytest.mark.parametrize(
    ("continues", "count"), [([], 0), (["1"], 1)], ids=["another version", "a continued version"]
)
def test_verdicts_of_earlier_versions_count_where_the_rubric_continues_them(
    continues: list[str], count: int
) -> None:
    log = chat(*answered(rubric(), {"helpful": True}))
    assert len(log.changes(rubric(version="2", continues=continues)).verdicts) == count


def test_an_adjudicators_words_settle_the_item() -> None:
    given = rubric()
    changes = chat(*answered(given, {"helpful": True}, reviewer="lea", adjudicates=True)).changes(given)
    assert changes.verdicts == []
    assert [(one.item, one.reviewer) for one in changes.adjudications] == [(the_item(given), "lea")]


def test_a_decline_is_told() -> None:
    given = rubric()
    body = {
        "message_id": "a1", "item_id": the_item(given), "rubric": "quality", "rubric_version": "1",
        "rater": {"id": "rita", "kind": "reviewer"}, "reason": "no idea",
    }  # fmt: skip
    (decline,) = chat(event(DECLINE_REVIEW.rpartition(".")[2], body, at=5)).changes(given).declines
    assert decline[:3] == (the_item(given), "rita", "no idea")


def test_a_ranking_and_its_withdrawal() -> None:
    ranked = [{"name": "best", "kind": "ranking", "title": "Which?"}]
    given = rubric(target="answers", questions=ranked)
    target = ReviewTarget("answers", "c1", "q1")
    answer = {"best": {"groups": [["a2"], ["a1"]], "none_acceptable": False}}
    log = chat(message("a2", at=3, parent_id="q1"))
    log.add(*answered(given, answer, target=target, candidates=("a1", "a2")))
    changes = log.changes(given)
    assert said(changes) == [(item_id("acme", "quality", target), "rita", answer)]
    assert [one.target for one in changes.items] == [target]
    log.add(*answered(given, answer, target=target, candidates=("a1", "a2"), withdrawn=True, at=60))
    assert said(log.changes(given))[-1][2] == {"best": None}


def test_a_demonstration_and_its_withdrawal() -> None:
    write = [{"name": "answer", "kind": "demonstration", "title": "Answer it."}]
    given = rubric(target="prompt", questions=write)
    target = ReviewTarget("prompt", "c1", "q1")
    log = chat(*answered(given, {"answer": "So."}, target=target))
    assert [one[2] for one in said(log.changes(given))] == [{"answer": "So."}]
    log.add(*answered(given, {"answer": "So."}, target=target, withdrawn=True, at=60))
    assert said(log.changes(given))[-1][2] == {"answer": None}


def test_a_written_prompt_is_a_verdict_on_its_topic() -> None:
    write = [{"name": "prompt", "kind": "prompt", "title": "Write."}]
    given = rubric(target="topic", questions=write, topics=[{"name": "cooking", "prompts": 2}])
    target = ReviewTarget("topic", "", "cooking#2")
    log = Log(*answered(given, {"prompt": "How do I cook rice?"}, target=target))
    changes = log.changes(given, loaded=log.live())
    assert said(changes) == [(item_id("acme", "quality", target), "rita", {"prompt": "How do I cook rice?"})]
    assert changes.items == []


def test_late_words_on_an_expired_conversation_count() -> None:
    given = rubric()
    log = chat(end(9)).expire()
    log.add(*answered(given, {"helpful": False}), arrived_ms=arrival(0) + 9 * DAY_MS)
    changes = log.changes(given, since=4)
    assert said(changes) == [(the_item(given), "rita", {"helpful": False})]


def test_words_on_what_the_conversation_does_not_have_are_counted() -> None:
    given = rubric()
    (word,) = answered(given, {"helpful": True})
    word["body"][1]["feedback"]["item_id"] = "item-of-nothing"
    changes = chat(word).changes(given)
    assert said(changes) == [("item-of-nothing", "rita", {"helpful": True})]
    assert changes.items == []


def test_a_verdict_tells_what_models_had_said() -> None:
    given = rubric()
    scale = {"number": 7.0, "minimum": 0.0, "maximum": 10.0}
    scores = [
        feedback("a1", ("Number", scale), at=3, aspect="quality", rater={"id": "m", "kind": "model"}),
        feedback("a1", ("Thumb", {"like": True}), at=4, rater={"id": "m", "kind": "model", "version": "2"}),
        feedback("a1", ("Label", {"labels": ["b", "a"]}), at=5, aspect="kind",
                 rater={"id": "n", "kind": "model"}),
    ]  # fmt: skip
    changes = chat(*scores, *answered(given, {"helpful": True})).changes(given)
    assert changes.verdicts[0].machine == {
        "m": {"quality": 0.7}, "m:2": {"satisfaction": 1.0}, "n": {"kind": ["a", "b"]}
    }  # fmt: skip
