"""The page of the columns of every subset."""

from typing import Any

import pyarrow as pa
from plaudit_consumers.rows.schemas import SCHEMAS

from docs.generators.markdown import code, page, table


def render() -> str:
    """Every column of every subset, with its type in Arrow."""
    intro = (
        "Columns of the Parquet files, in the root and in snapshots. Timestamps are microseconds in UTC. "
        "[Datasets](../datasets.md) says what they mean and which conversations become rows."
    )
    parts = [intro]
    for subset, schema in SCHEMAS.items():
        rows = [[code(field.name), _type(field.type)] for field in schema]
        parts += [f"## {subset}", table(["column", "type"], rows)]
    return page("Columns", *parts)


def _type(kind: Any) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(f"{code(field.name)} {_type(field.type)}" for field in kind) + "}"
    return str(kind)
