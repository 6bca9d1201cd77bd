"""What changed from one snapshot to another: rows added, removed, changed, or moved to another split."""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import Manifest, read
from plaudit_consumers.datasets.queries import sql
from plaudit_consumers.rows.schemas import SCHEMAS, SUBSETS, Subset

# Where and when a row came from; the same row of a later revision is the same row.
ORIGINS: Final = frozenset(
    ("revision", "finished_at", "source_partition", "source_offset", "recorded_at", "record_offset")
)
_CONVERSATION: Final = ("application", "conversation_id")
_ROW: Final = (*_CONVERSATION, "message_ids", "origin", "aspect")


@dataclass(frozen=True, slots=True)
class Difference:
    """One subset's difference, in rows; the examples are the rows' names."""

    same: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0
    examples: dict[str, list[Any]] = field(default_factory=dict)


def difference(before: Path, after: Path, *, examples: int = 3) -> dict[Subset, Difference]:
    """Compare two snapshots, subset by subset, out of core.

    Raises:
        SnapshotError: one of them is no snapshot, or their rows have different schemas.
    """
    old, new = read(before), read(after)
    if old.schema != new.schema:
        raise SnapshotError(f"{before} has rows of schema {old.schema}, {after} of {new.schema}")
    found: dict[Subset, Difference] = {}
    for subset in SUBSETS:
        if subset not in old.rows and subset not in new.rows:
            continue
        if old.subset_files(subset) == new.subset_files(subset):  # checksum by checksum
            found[subset] = Difference(same=sum(old.rows.get(subset, {}).values()))
        else:
            paths = _paths(before, old, subset), _paths(after, new, subset)
            found[subset] = _compared(subset, *paths, examples)
    return found


def _paths(folder: Path, manifest: Manifest, subset: Subset) -> list[str]:
    return [str(folder / file.path) for file in manifest.subset_files(subset)]


def _compared(subset: Subset, before: list[str], after: list[str], examples: int) -> Difference:
    key = _CONVERSATION if subset == "conversations" else _ROW
    content = [column.name for column in SCHEMAS[subset] if column.name not in ORIGINS]
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(
            Path(folder) / "difference.duckdb", config={"temp_directory": f"{folder}/spilled"}
        )
        try:
            for name, kind, value in (
                ("before", "VARCHAR[]", before),
                ("after", "VARCHAR[]", after),
                ("examples", "BIGINT", examples),
            ):
                connection.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])
            connection.execute(sql("difference", key=_packed(key), content=_packed(content)))
            rows = connection.execute(sql("differences")).fetchall()
        except duckdb.Error as error:
            raise SnapshotError(f"{subset} cannot be compared: {str(error).partition(chr(10))[0]}") from None
        finally:
            connection.close()
    counts = {fate: count for fate, count, _ in rows}
    return Difference(
        **counts,
        examples={fate: [json.loads(text) for text in keys] for fate, _, keys in rows if fate != "same"},
    )


def _packed(columns: Any) -> str:
    return "struct_pack(" + ", ".join(f'"{name}" := "{name}"' for name in columns) + ")"
