"""Reads a snapshot or a root with pyarrow alone, apart from the code that writes them."""

import json
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

Row = dict[str, Any]

TRAINING: Final = ("sft", "sft_tools", "preference", "preference_tools", "kto", "kto_tools")


def read_subset(snapshot: Path, subset: str) -> list[Row]:
    """All rows of one subset, in the order of splits and files. Messages are mappings."""
    return [row for _, row in splits_of(snapshot, subset)]


def splits_of(snapshot: Path, subset: str) -> list[tuple[str, Row]]:
    """(split, row) of all rows of one subset."""
    return [
        (path.name.partition("-")[0], _opened(row))
        for path in sorted(snapshot.glob(f"{subset}/*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def _opened(row: Row) -> Row:
    """The row with the messages of its chats as mappings; those with tools are JSON texts."""
    chats = {name: row[name] for name in ("prompt", "completion", "chosen", "rejected") if row.get(name)}
    return {**row, **{name: [parsed(message) for message in chat] for name, chat in chats.items()}}


def texts(messages: list[Row]) -> list[tuple[str, Any]]:
    """(role, content) of each message."""
    return [(message["role"], message.get("content")) for message in messages]


def parsed(value: Any) -> Any:
    """A JSON column's value, whether its reader has parsed it or not."""
    return json.loads(value) if isinstance(value, str) else value


def leaks(snapshot: Path) -> list[str]:
    """Prompts in two splits, and users whose own rows are in two splits. A row of several users has none."""
    homes: dict[tuple[str, str], set[str]] = {}
    for subset in TRAINING:
        for split, row in splits_of(snapshot, subset):
            prompt = json.dumps(texts(row["prompt"]), ensure_ascii=False)
            homes.setdefault(("prompt", prompt), set()).add(split)
            if row["user_id"] is not None:
                homes.setdefault((row["application"], row["user_id"]), set()).add(split)
    return [f"{name} is in {sorted(found)}" for name, found in sorted(homes.items()) if len(found) > 1]
