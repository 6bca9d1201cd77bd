"""Shows rows of a snapshot on a terminal, to be read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from plaudit_consumers.datasets.reading import message_text, readable
from plaudit_consumers.datasets.searching import CHATS, FACTS, FoundRow, texts_of


def row_tables(rows: Sequence[FoundRow]) -> RenderableType:
    """The rows, each with a line of facts and with its texts in full."""
    return Group(*(part for row in rows for part in _row(row)))


def row_json(row: FoundRow) -> str:
    """A row as one line of JSON, in ASCII."""
    return json.dumps({"file": row.file, "row": row.number, **row.columns}, default=str)


def _row(row: FoundRow) -> Iterator[RenderableType]:
    columns = row.columns
    name = readable(f"{columns.get('application')}/{columns.get('conversation_id')}").replace("\n", "\\n")
    yield Text(f"{row.file} row {row.number}: {name}", style="bold")
    yield Text("  " + ", ".join(_facts(columns)), style="dim")
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, max_width=12)
    # A text has a column of its own: none of its lines can look like a line of ours.
    table.add_column(overflow="fold")
    before = None
    for column, message in texts_of(columns):
        role = readable(str(message.get("role"))).replace("\n", "\\n")
        table.add_row("" if column == before else column, Text(role), Text(readable(message_text(message))))
        before = column
    yield table
    yield Text("")


def _facts(columns: Mapping[str, Any]) -> Iterator[str]:
    for name in FACTS:
        value = columns.get(name)
        if name not in CHATS and value is not None:
            shown = value.get("id") if isinstance(value, dict) else value
            text = f"{shown:.2f}" if isinstance(shown, float) else str(shown)
            yield f"{name.replace('_', ' ')} {readable(text, 100)}".replace("\n", "\\n")
