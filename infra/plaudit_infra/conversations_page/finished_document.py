"""A row of finished conversations in the form of a live one. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from plaudit_consumers.rows.schemas import VALUE_COLUMNS

_PAIRS: Final = ("variants", "tags", "metadata")
_OF_SLOT: Final = ("message_id", "occurred_at")


def document_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a row of `conversations`. `finished_at` and `excluded` stay as they are."""
    document = _without_pairs(row)
    return {
        **document,
        "open": False,
        "end": None,
        "messages": [_without_pairs(message) for message in row["messages"] or ()],
        "feedback": [_slot(feedback) for feedback in row["feedback"] or ()],
        "comparisons": list(row["comparisons"] or ()),
    }


def excluded_of_row(row: Mapping[str, Any]) -> set[str]:
    """The ids of the messages that are kept out of training; the empty id is the whole conversation."""
    found = {message["message_id"] for message in row["messages"] or () if message.get("excluded")}
    return found | ({""} if row.get("excluded") else set())


def _without_pairs(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of which maps are dicts again."""
    made = dict(columns)
    for name in _PAIRS:
        if isinstance(made.get(name), list):
            made[name] = {pair["key"]: pair["value"] for pair in made[name]}
    for name in ("model", "prompt"):
        if made.get(name) is not None and made[name].get("id") is None:
            made[name] = None
    return made


def _slot(feedback: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in feedback.items() if name not in _OF_SLOT}
    columns = _columns_of(str(feedback.get("kind")))
    value = {field: feedback[column] for field, column in columns.items() if feedback.get(column) is not None}
    said["value"] = (feedback.get("kind"), value) if value else None
    return {
        "message_id": feedback.get("message_id"),
        "occurred_at": feedback.get("occurred_at"),
        "feedback": said,
    }


def _columns_of(kind: str) -> Mapping[str, str]:
    for name, columns in VALUE_COLUMNS.items():
        if name.rpartition(".")[2].lower() == kind:
            return columns
    return {}
