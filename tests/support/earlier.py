"""Makes files such as an earlier version wrote: some columns, and fields nested in others, are missing."""

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LATER = {"session", "first_token_ms", "media_type", "rubric", "licence"}
"""Columns and fields that did not exist yet. In the tests' conversations they are null."""


def earlier_schema(schema: Any, later: Container[str] = LATER) -> Any:
    """A schema without the later columns and fields."""
    return pa.schema(_earlier(pa.struct(list(schema)), later))


def _earlier(kind: Any, later: Container[str]) -> Any:
    if pa.types.is_struct(kind):
        return pa.struct(
            [each.with_type(_earlier(each.type, later)) for each in kind if each.name not in later]
        )
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_earlier(kind.value_type, later)))
    return kind


def make_earlier(paths: Iterable[Path], later: Container[str] = LATER) -> None:
    """Rewrite files of a sink, with the same metadata, as the earlier version would have written them."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            table = file.read()
        metadata = table.schema.metadata
        schema = earlier_schema(table.schema, later)
        table = table.select(schema.names).cast(schema)
        pq.write_table(table.replace_schema_metadata(metadata), path)
