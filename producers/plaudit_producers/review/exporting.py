"""Verdicts of a queue as rows for files and spreadsheets. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import control_targets

from plaudit_producers.review.quality.words import disagreement_of

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that spreadsheets take for a formula."""
_PLAIN: Final = (
    "application", "rubric", "version", "item", "kind", "conversation_id", "message_id", "reasons", "control",
    "waiting", "said", "reviewer", "answered_at", "decline_reason",
)  # fmt: skip
"""Columns that a cell can hold as they are."""


def verdict_rows(rubric: Rubric, items: Iterable[ReviewedItem]) -> Iterator[dict[str, Any]]:
    """A row for each verdict, adjudication and decline, in the order of items and reviewers.

    `said` is verdict, surplus, adjudication or decline. `answers` and, of a control item, `expected` have an
    answer for each question. `waiting` names the questions that an adjudicator has to settle.
    """
    expected = control_targets(rubric)
    for item in items:
        is_control = "control" in item.reasons
        shared = {
            "application": rubric.application,
            "rubric": rubric.name,
            "version": rubric.version,
            "item": item.id,
            **item.target._asdict(),
            "reasons": list(item.reasons),
            "control": is_control,
            "expected": dict(expected.get(item.target, {})) if is_control else {},
            "waiting": disagreement_of(rubric, item),
        }
        for said, reviewer, answers in _said(item):
            moment = item.answered_ms.get(reviewer) if said in ("verdict", "surplus") else None
            yield {
                **shared,
                "said": said,
                "reviewer": reviewer,
                "answered_at": None if moment is None else _time(moment),
                "answers": dict(answers),
                "decline_reason": item.declined[reviewer] if said == "decline" else None,
            }


def table_columns(rubric: Rubric) -> list[str]:
    """The columns of the same rows as a table: those of `table_row`."""
    names = [question.name for question in rubric.questions]
    return [*_PLAIN, *(f"answer.{name}" for name in names), *(f"expected.{name}" for name in names)]


def table_row(rubric: Rubric, row: Mapping[str, Any]) -> dict[str, str]:
    """A row as the cells of a table, empty where there is nothing.

    A thumb is `up` or `down`, and lists are separated by spaces. A ranking is JSON. A text that a spreadsheet
    would take for a formula gets an apostrophe before it.
    """
    cells = {name: _cell(row[name]) for name in _PLAIN}
    for question in rubric.questions:
        for column, answers in (("answer", row["answers"]), ("expected", row["expected"])):
            cells[f"{column}.{question.name}"] = _cell(
                answers.get(question.name), thumb=question.kind == "thumb"
            )
    return cells


def _said(item: ReviewedItem) -> Iterator[tuple[str, str, Answers]]:
    for said, found in (
        ("verdict", item.verdicts),
        ("surplus", item.surplus),
        ("adjudication", item.adjudicated),
        ("decline", {reviewer: {} for reviewer in item.declined}),
    ):
        for reviewer in sorted(found):
            yield said, reviewer, found[reviewer]


def _cell(value: Any, *, thumb: bool = False) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return ("down", "up")[value] if thumb else ("no", "yes")[value]
    if isinstance(value, list):
        return _safe(" ".join(value))
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return _safe(value) if isinstance(value, str) else f"{value:g}"


def _safe(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


def _time(moment_ms: int) -> str:
    text = datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
