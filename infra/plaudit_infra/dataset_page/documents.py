"""What the browser gets of a row. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_consumers.datasets.reading import message_text, readable
from plaudit_consumers.datasets.searching import FACTS, FoundRow, texts_of

_LONGEST: Final = 20_000
_MOST_TEXTS: Final = 400


def row_document(row: FoundRow, excluded: str | None) -> dict[str, Any]:
    """A row as JSON. No text in it has a character that could reorder or hide the text around it.

    Args:
        excluded: what of it was excluded: `answer` or `conversation`.
    """
    columns = row.columns
    texts = list(texts_of(columns))
    return {
        "file": row.file,
        "row": row.number,
        "split": row.split,
        "conversation": readable(str(columns["conversation_id"])),
        "facts": list(_facts(columns)),
        "texts": [
            {"column": column, "role": readable(str(message.get("role"))), "text": _text(message)}
            for column, message in texts[:_MOST_TEXTS]
        ],
        "more_texts": max(0, len(texts) - _MOST_TEXTS),
        "judged": len(judged_ids(columns)),
        "excluded": excluded,
    }


def judged_ids(columns: Mapping[str, Any]) -> list[str]:
    """The ids of the messages that a row is about, each once; none for a whole conversation."""
    return list(dict.fromkeys(columns.get("message_ids") or ()))


def snapshot_document(name: str, as_of: str | None, rows: Mapping[Any, Mapping[str, int]]) -> dict[str, Any]:
    """A snapshot as JSON, with the subsets that have rows."""
    return {
        "name": name,
        "as_of": as_of,
        "subsets": {key: dict(each) for key, each in rows.items() if each},
    }


def _text(message: Mapping[str, Any]) -> str:
    return readable(message_text(message), _LONGEST)


def _facts(columns: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    found = []
    for name in FACTS:
        value = columns.get(name)
        if value is not None:
            found.append((name.replace("_", " "), readable(_short(value), 200)))
    return found


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return str(value.get("id") if isinstance(value, dict) else value)
