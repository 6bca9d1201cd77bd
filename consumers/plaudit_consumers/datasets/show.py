"""Shows a snapshot on a terminal: tables of its content, and a few rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_schemas.contract.printable import printable
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from plaudit_consumers.datasets.card_resolution import alpha_words
from plaudit_consumers.datasets.describing import SubsetDescription, describe_subsets
from plaudit_consumers.datasets.manifest import Manifest, read_manifest
from plaudit_consumers.datasets.reading import message_text, read_message
from plaudit_consumers.rows.times import with_readable_times

_TEXT_CHARACTERS: Final = 300
_VALUES_SHOWN: Final = 5
_CHATS: Final = ("prompt", "completion", "chosen", "rejected", "messages")


def snapshot_tables(folder: Path, samples: int) -> RenderableType:
    """Tables that describe a snapshot, with `samples` rows of each subset.

    Raises:
        SnapshotError: the folder is not a snapshot.
    """
    manifest = read_manifest(folder)
    parts: list[RenderableType] = [Text(f"{folder}: as of {manifest.as_of}, salt {manifest.salt!r}")]
    if manifest.amendments:
        parts.append(Text(f"amendments: {manifest.late_words()}"))
    if manifest.judgements():
        parts.append(Text(f"judgements: {manifest.judgements()}"))
    parts += _agreement(manifest)
    parts += [_overview(manifest), *_subsets(folder, manifest, samples)]
    return Group(*parts)


def _agreement(manifest: Manifest) -> Iterator[RenderableType]:
    for group in manifest.resolution.get("votes", ()):
        counts = (
            f"{group['votes']:,} votes of {group['raters']:,} raters on {group['things']:,} {group['kind']}s"
        )
        yield _one_line(f"{group['aspect']}: alpha {alpha_words(group['alpha'])}, {counts}")


def _overview(manifest: Manifest) -> Table:
    table = Table(Column("subset", no_wrap=True), *manifest.split, "files", "bytes", "left out")
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
    files = {
        subset: [folder / file.path for file in manifest.subset_files(subset)] for subset in manifest.rows
    }
    for subset, description in describe_subsets(files).items():
        yield Text(f"\n{subset}: {description.first} to {description.last}", style="bold")
        yield _facets(description)
        yield from _samples(files[subset], samples)


def _facets(description: SubsetDescription) -> Table:
    table = Table("facet", "values and rows")
    for facet, values in description.facets.items():
        counts = [f"{value or 'none'}: {rows:,}" for value, rows in values.items()]
        more = ["..."] if len(counts) > _VALUES_SHOWN else []
        table.add_row(facet, Text(", ".join(counts[:_VALUES_SHOWN] + more)))
    return table


def _samples(paths: Sequence[Path], count: int) -> Iterator[RenderableType]:
    left = count
    for path in paths:
        if left <= 0:
            return
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=left):
                rows = with_readable_times(pa.Table.from_batches([batch])).to_pylist()
                yield from (_sample(row) for row in rows[:left])
                left -= len(rows)
                break


def _sample(row: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 1))
    for name in _CHATS:
        messages = row.get(name)
        if isinstance(messages, list):  # unlike the prompt of a canonical row, which is a struct
            for message in map(read_message, messages):
                table.add_row(
                    Text(name, style="dim"), Text(message["role"]), _one_line(message_text(message))
                )
    if "label" in row:
        table.add_row(Text("label", style="dim"), "", Text(str(row["label"])))
    table.add_row(Text("from", style="dim"), "", _one_line(f"{row['application']}/{row['conversation_id']}"))
    return table


def _one_line(text: str | None) -> Text:
    """The beginning of a text on one line, without characters that could control the terminal."""
    line = printable((text or "").replace("\n", "\N{SYMBOL FOR NEWLINE}"))
    return Text(line if len(line) <= _TEXT_CHARACTERS else line[: _TEXT_CHARACTERS - 3] + "...")
