"""Checks a snapshot's splits from its files alone: by pyarrow and dicts, without any code of the builder."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq


class Leaks(NamedTuple):
    """What lies in two splits.

    Attributes:
        prompts: in the training subsets.
        users: by the rows that hold the text of one user alone, in all subsets.
    """

    prompts: list[str]
    users: list[str]


def training_rows(snapshot: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The subset, the split and the content of every training row."""
    for path in sorted(snapshot.glob("*/*-*.parquet")):
        if path.parent.name != "conversations":
            for row in pq.read_table(path).to_pylist():
                yield path.parent.name, path.name.partition("-")[0], row


def leaks(snapshot: Path) -> Leaks:
    """The prompts and the users that lie in two splits."""
    prompts, users = defaultdict(set), defaultdict(set)
    for _, split, row in training_rows(snapshot):
        prompts[json.dumps(row["prompt"], sort_keys=True)].add(split)
        if row["user_count"] == 1:
            users[_asker(row)].add(split)
        else:
            assert row["user_id"] is None
    for path in sorted((snapshot / "conversations").glob("*.parquet")):
        for row in pq.read_table(path, columns=["application", "user_id", "conversation_id"]).to_pylist():
            users[_asker(row)].add(path.name.partition("-")[0])
    return Leaks(*([name for name, splits in found.items() if len(splits) > 1] for found in (prompts, users)))


def _asker(row: dict[str, Any]) -> str:
    return json.dumps([row["application"], row["user_id"] or ["without a name", row["conversation_id"]]])
