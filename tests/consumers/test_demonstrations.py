"""Answers that nobody judged: targets only where they are asked for."""

from typing import Any

import pytest
from plaudit_consumers.rows.unit_counts import UnitCounts

from tests.consumers.builders import Rows, rows, units
from tests.support.finished import Record, chat, comparison, correction, finished, like, message, said

CALL = {"id": "t1", "name": "clock", "arguments": "{}"}


def targets(*records: Record) -> list[list[str]]:
    """The messages of each target, where demonstrations are asked for."""
    found = rows(*records, unrated_sft=True)
    return [row["message_ids"] for subset in ("sft", "sft_tools") for row in found[subset]]


def test_they_are_targets_only_where_asked_for() -> None:
    assert rows(chat())["sft"] == []
    (row,) = rows(chat(), unrated_sft=True, min_raters=3)["sft"]
    assert row["completion"] == [{"role": "assistant", "content": "text of a"}]
    assert (row["origin"], row["aspect"], row["raters"], row["votes"]) == ("demonstration", None, [], 0)
    assert (row["agreement"], row["vote_weight"], row["vote_strength"], row["near_tie"]) == (
        None, None, None, False,
    )  # fmt: skip


def test_each_answer_that_ends_a_turn_is_one() -> None:
    talk = finished(message("q", "user"), message("a"), message("q2", "user"), message("b"))
    assert targets(talk) == [["a"], ["b"]]
    with_tools = finished(
        message("q", "user"),
        message("c", tool_calls=[CALL], content=""),
        message("t", "tool", tool_call_id="t1"),
        message("a"),
    )
    assert targets(with_tools) == [["a"]]
    assert targets(finished(message("q", "user"), message("c", tool_calls=[CALL], content=""))) == [["c"]]


@pytest.mark.parametrize(
    "record",
    [
        chat(like("a", False)),
        chat(said("a", "text", {"text": "hm"})),
        chat(like("a", rater={"kind": "unknown"})),
        chat(like(None, False)),
        finished(message("q", "user"), message("a", content="")),
        finished(message("q", "user"), message("a", status="cut")),
        finished(message("q", "user"), message("a", excluded=True)),
        finished(message("a")),
        chat(consent="denied"),
        finished(
            message("q", "user"),
            message("a", tool_calls=[{**CALL, "arguments": "not json"}]),
        ),
    ],
    ids=["disliked", "remarked on", "judged by somebody who does not count", "in a chat that was disliked",
         "without text", "cut", "excluded", "without a question", "without consent", "broken arguments"],
)  # fmt: skip
def test_what_is_none(record: Record) -> None:
    assert targets(record) == []


def test_a_signal_is_no_judgement() -> None:
    assert targets(chat(said("a", "signal", {"name": "copied"}))) == [["a"]]
    assert targets(chat(like(None))) == [["a"]]


def test_an_answer_that_was_compared_or_corrected_is_none() -> None:
    answers = [message(f"a{at}", parent_id="q") for at in (1, 2, 3)]
    compared = finished(message("q", "user"), *answers, comparisons=[comparison([["a1"], ["a2"]])])
    assert targets(compared) == [["a3"]]
    found = rows(chat(correction("a", "better")), unrated_sft=True)["sft"]
    assert [row["completion"][0]["content"] for row in found] == ["better"]


def test_votes_elsewhere_decide_on_a_demonstration() -> None:
    found = Rows(chat(offset=0), chat(like("a", False), offset=1), unrated_sft=True)
    assert (found.by_subset["sft"], found.left_out["sft"]) == ([], ["below_threshold"])
    (row,) = rows(chat(offset=0), chat(like("a"), offset=1), unrated_sft=True)["sft"]
    assert (row["origin"], row["votes"], row["conversation_count"]) == ("rating", 1, 2)
    corrected = Rows(chat(offset=0), chat(correction("a", "better"), offset=1), unrated_sft=True)
    assert [row["completion"][0]["content"] for row in corrected.by_subset["sft"]] == ["better"]


def test_they_are_counted() -> None:
    counts = UnitCounts()
    broken = finished(message("q", "user"), message("a"), tools="no json", offset=1)
    units(chat(offset=0), broken, counts=counts, unrated_sft=True)
    assert (counts.demonstrations, counts.lost_demonstrations) == (1, {"tools_not_readable": 1})
    assert counts.judgements == 0


def _written(message_id: str, kind: str = "reviewer", **more: Any) -> Record:
    return message(message_id, author={"kind": kind, "id": "ana", "version": None}, **more)


def test_what_a_reviewer_wrote_is_one_unless_somebody_judged_it() -> None:
    talk = finished(message("q", "user"), message("a", parent_id="q"), _written("d", parent_id="q"))
    (row,) = rows(talk, min_raters=3)["sft"]
    assert (row["message_ids"], row["origin"], row["votes"]) == (["d"], "demonstration", 0)
    judged = finished(message("q", "user"), _written("d"), feedback=[like("d", False)])
    assert rows(judged)["sft"] == []


def test_a_ranking_that_was_taken_back_judges_nothing() -> None:
    answers = message("a", parent_id="q"), _written("d", parent_id="q")
    undone = {**comparison([["a"], ["d"]]), "ranking": []}
    found = rows(finished(message("q", "user"), *answers, comparisons=[undone]))
    assert (found["preference"], [row["message_ids"] for row in found["sft"]]) == ([], [["d"]])
    refused = {**undone, "none_acceptable": True}
    assert rows(finished(message("q", "user"), *answers, comparisons=[refused]))["sft"] == []


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(finished(message("q", "user"), _written("d", "user")), id="a user"),
        pytest.param(finished(message("q", "user"), _written("d", "model")), id="a model"),
        pytest.param(finished(message("q", "user"), _written("d", status="cut")), id="half an answer"),
        pytest.param(finished(_written("q", role="user"), message("a")), id="a prompt alone"),
        pytest.param(finished(message("q", "user"), _written("d"), consent="denied"), id="without consent"),
    ],
)
def test_what_others_wrote_is_none(record: Record) -> None:
    assert rows(record)["sft"] == []


def test_written_answers_are_found_among_many_conversations() -> None:
    plain = [finished(message("q", "user"), message("a"), offset=offset) for offset in range(5)]
    written = finished(message("q", "user"), _written("d"), offset=9)
    (row,) = rows(*plain, written)["sft"]
    assert row["message_ids"] == ["d"]
