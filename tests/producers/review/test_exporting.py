"""Verdicts as rows of files."""

import csv
import io
from typing import Any

from plaudit_producers.review.exporting import table_columns, table_row, verdict_rows

from tests.producers.review.quality.queues import PAIRS, T0_MS, item, rubric_of


def _rows(*items: Any, **fields: Any) -> list[dict[str, Any]]:
    return list(verdict_rows(rubric_of(**fields), items))


def test_each_verdict_adjudication_and_decline_is_a_row() -> None:
    found = item(
        1,
        {"ben": {"helpful": True}, "ana": {"helpful": False}},
        surplus={"dan": {"helpful": True}},
        adjudicated={"lea": {"helpful": False}},
        declined={"eve": "not mine"},
        answered_ms={"ana": T0_MS, "ben": T0_MS, "dan": T0_MS + 1},
        reasons=("random", "disliked"),
    )
    rows = _rows(found)
    assert [(row["said"], row["reviewer"], row["answers"], row["answered_at"]) for row in rows] == [
        ("verdict", "ana", {"helpful": False}, "2026-11-25T09:46:40.000Z"),
        ("verdict", "ben", {"helpful": True}, "2026-11-25T09:46:40.000Z"),
        ("surplus", "dan", {"helpful": True}, "2026-11-25T09:46:40.001Z"),
        ("adjudication", "lea", {"helpful": False}, None),
        ("decline", "eve", {}, None),
    ]
    assert {row["decline_reason"] for row in rows} == {None, "not mine"}
    assert (rows[0]["reasons"], rows[0]["control"], rows[0]["waiting"]) == (["random", "disliked"], False, [])
    assert (rows[0]["kind"], rows[0]["conversation_id"], rows[0]["message_id"]) == ("answer", "c1", "a")


def test_a_control_item_is_marked_and_has_the_right_answers() -> None:
    control = {"conversation": "c1", "message": "a", "expected": {"helpful": True}}
    (row,) = _rows(item(1, {"ana": {"helpful": False}}, reasons=("control",)), controls={"items": [control]})
    assert (row["control"], row["expected"], row["answers"]) == (True, {"helpful": True}, {"helpful": False})


def test_an_item_that_reviewers_disagree_on_says_so() -> None:
    rows = _rows(item(1, {"ana": {"helpful": False}, "ben": {"helpful": True}}))
    assert [row["waiting"] for row in rows] == [["helpful"], ["helpful"]]


def test_a_table_reads_back_as_it_was_written() -> None:
    rubric = rubric_of()
    answers = {
        "helpful": False,
        "quality": 4,
        "tone": "warm",
        "flags": ["false", "unsafe"],
        "why": 'a, "b"\nc',
    }
    (row,) = _rows(item(1, {"ana": answers}))
    file = io.StringIO()
    writer = csv.DictWriter(file, table_columns(rubric))
    writer.writeheader()
    writer.writerow(table_row(rubric, row))
    (read,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert {name: read[f"answer.{name}"] for name in answers} == {
        "helpful": "down", "quality": "4", "tone": "warm", "flags": "false unsafe", "why": 'a, "b"\nc',
    }  # fmt: skip
    assert (read["control"], read["reasons"], read["expected.helpful"]) == ("no", "random", "")


def test_no_text_becomes_a_formula() -> None:
    rubric = rubric_of()
    (row,) = _rows(item(1, {"=1+1": {"helpful": True, "why": "=HYPERLINK(1)", "quality": 1}}))
    cells = table_row(rubric, row)
    assert (cells["answer.why"], cells["reviewer"]) == ("'=HYPERLINK(1)", "'=1+1")
    assert (cells["answer.helpful"], cells["answer.quality"]) == ("up", "1")


def test_a_ranking_is_json_in_a_cell() -> None:
    answer = {"groups": [["m2"], ["m1"]], "none_acceptable": False}
    (row,) = verdict_rows(PAIRS, [item(1, {"ana": {"better": answer}})])
    assert table_row(PAIRS, row)["answer.better"] == '{"groups": [["m2"], ["m1"]], "none_acceptable": false}'
