"""Compares two snapshots: rows added, removed, changed, or moved to another split."""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq

from plaudit_consumers.datasets.errors import SnapshotError, first_line
from plaudit_consumers.datasets.manifest import Manifest, read_manifest
from plaudit_consumers.datasets.queries import literal_paths, packed, sql
from plaudit_consumers.rows.schemas import SCHEMAS, SNAPSHOT, Subset

_ORIGIN_COLUMNS: Final = frozenset(
    ("revision", "finished_at", "source_partition", "source_offset", "recorded_at", "record_offset")
)
"""Where and when a row came from. They are not compared: a new revision may leave the row as it was."""
_CONVERSATION_KEY: Final = ("application", "conversation_id")
_TRAINING_KEY: Final = (
    "struct_pack(application := application, conversation_id := conversation_id, "
    "message_ids := list_sort(message_ids))"
)
"""The judged messages of the conversation that a row shows, whichever of two is the better one."""


@dataclass(frozen=True, slots=True)
class SubsetDifference:
    """How many rows of one subset are the same, added, removed, changed or moved.

    Attributes:
        moved: rows that are in another split but otherwise the same.
        examples: fate -> keys of some rows, as dicts of the key columns.
    """

    same: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0
    examples: dict[str, list[Any]] = field(default_factory=dict)


def compare_snapshots(before: Path, after: Path, *, examples: int = 3) -> dict[Subset, SubsetDifference]:
    """Compare two snapshots, subset by subset. Data beyond the memory goes to disk.

    Args:
        examples: how many keys to give for each kind of difference, at most.

    Raises:
        SnapshotError: one of them is not a snapshot, or their rows have different schemas.
    """
    old, new = read_manifest(before), read_manifest(after)
    if old.schema != new.schema:
        raise SnapshotError(f"{before} has rows of schema {old.schema}, but {after} of {new.schema}")
    found: dict[Subset, SubsetDifference] = {}
    for subset in SNAPSHOT:
        if subset not in old.rows and subset not in new.rows:
            continue
        if old.subset_files(subset) == new.subset_files(subset):  # equal checksums: nothing to read
            found[subset] = SubsetDifference(same=sum(old.rows.get(subset, {}).values()))
        else:
            paths = _paths(before, old, subset), _paths(after, new, subset)
            found[subset] = _compare_subset(subset, *paths, examples)
    return found


def _paths(folder: Path, manifest: Manifest, subset: Subset) -> list[str]:
    return [str(folder / file.path) for file in manifest.subset_files(subset)]


def _compare_subset(subset: Subset, before: list[str], after: list[str], examples: int) -> SubsetDifference:
    key = packed(_CONVERSATION_KEY) if subset == "conversations" else _TRAINING_KEY
    content = [column.name for column in SCHEMAS[subset] if column.name not in _ORIGIN_COLUMNS]
    with tempfile.TemporaryDirectory() as folder:
        # A snapshot of an older version lacks columns, and both may lack one.
        template = Path(folder) / "columns.parquet"
        pq.ParquetWriter(template, SCHEMAS[subset]).close()  # an empty table has no JSON
        connection = duckdb.connect(
            Path(folder) / "difference.duckdb", config={"temp_directory": f"{folder}/spilled"}
        )
        try:
            for name, kind, value in (
                ("before", "VARCHAR[]", literal_paths(before)),
                ("after", "VARCHAR[]", literal_paths([*after, template])),
                ("old_files", "VARCHAR[]", before),
                ("examples", "BIGINT", examples),
            ):
                connection.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])
            connection.execute(sql("difference", key=key, content=packed(content)))
            rows = connection.execute(sql("differences")).fetchall()
        except duckdb.Error as error:
            raise SnapshotError(f"{subset} cannot be compared: {first_line(error)}") from None
        finally:
            connection.close()
    counts = {fate: count for fate, count, _ in rows}
    return SubsetDifference(
        **counts,
        examples={fate: [json.loads(text) for text in keys] for fate, _, keys in rows if fate != "same"},
    )
