"""A snapshot as a person sees it on a terminal: tables of what is in there, and a few rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from plaudit_consumers.datasets.describing import Description, describe
from plaudit_consumers.datasets.manifest import Manifest, read

_LONGEST = 300
_SHOWN_VALUES = 5


def shown(folder: Path, samples: int) -> RenderableType:
    """Tables of a snapshot, with so many rows of each subset.

    Raises:
        SnapshotError: the folder is no snapshot.
    """
    manifest = read(folder)
    parts: list[RenderableType] = [Text(f"{folder}: as of {manifest.as_of}, salt {manifest.salt!r}")]
    parts += [_overview(manifest), *_subsets(folder, manifest, samples)]
    return Group(*parts)


def _overview(manifest: Manifest) -> Table:
    table = Table("subset", *manifest.split, "files", "bytes", "left out")
    for subset, rows in manifest.rows.items():
        files = manifest.subset_files(subset)
        left_out = manifest.left_out.get(subset, {})
        table.add_row(
            subset,
            *[f"{rows.get(split, 0):,}" for split in manifest.split],
            str(len(files)),
            f"{sum(file.bytes for file in files):,}",
            ", ".join(f"{reason.replace('_', ' ')}: {count:,}" for reason, count in left_out.items()),
        )
    return table


def _subsets(folder: Path, manifest: Manifest, samples: int) -> Iterator[RenderableType]:
    for subset in manifest.rows:
        paths = [folder / file.path for file in manifest.subset_files(subset)]
        if paths:
            described = describe(subset, paths)
            yield Text(f"\n{subset}: {described.first} to {described.last}", style="bold")
            yield _facets(described)
            yield from _samples(paths, samples)


def _facets(description: Description) -> Table:
    table = Table("facet", "values and rows")
    for facet, values in description.facets.items():
        shown_values = [f"{value or 'none'}: {rows:,}" for value, rows in values.items()]
        more = ["..."] if len(shown_values) > _SHOWN_VALUES else []
        table.add_row(facet, Text(", ".join(shown_values[:_SHOWN_VALUES] + more)))
    return table


def _samples(paths: Sequence[Path], count: int) -> Iterator[RenderableType]:
    left = count
    for path in paths:
        if left <= 0:
            return
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=left):
                rows = batch.to_pylist()
                yield from (_sample(row) for row in rows[:left])
                left -= len(rows)
                break


def _sample(row: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 1))
    for name in ("prompt", "completion", "chosen", "rejected", "messages"):
        for message in row.get(name) or () if isinstance(row.get(name), list) else ():
            table.add_row(Text(name, style="dim"), Text(message["role"]), _cut(message["content"]))
    if "label" in row:
        table.add_row(Text("label", style="dim"), "", Text(str(row["label"])))
    table.add_row(Text("from", style="dim"), "", _cut(f"{row['application']}/{row['conversation_id']}"))
    return table


def _cut(text: str | None) -> Text:
    """On one line, without what could steer a terminal."""
    line = "".join(
        char if char.isprintable() else "\N{SYMBOL FOR NEWLINE}" if char == "\n" else " "
        for char in text or ""
    )
    return Text(line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "...")
