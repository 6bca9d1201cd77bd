"""Files that an earlier version wrote. They lack the columns, and the fields of structs, that came later.

Schemas only grow: a column is added, never removed, renamed or changed in type. What a file lacks is null.
"""

from typing import Any

import pyarrow as pa

from plaudit_consumers.rows.schemas import SCHEMAS, Subset


def is_earlier(found: Any, today: Any) -> bool:
    """Whether a schema has only columns of today's, and nested in them only fields of today's.

    A schema is an earlier form of itself.
    """
    return all(
        today.get_field_index(column.name) >= 0
        and _is_earlier_type(column.type, today.field(column.name).type)
        for column in found
    ) and len(set(found.names)) == len(found.names)


def _is_earlier_type(found: Any, today: Any) -> bool:
    if pa.types.is_struct(found) and pa.types.is_struct(today):
        return is_earlier(pa.schema(list(found)), pa.schema(list(today)))
    if pa.types.is_list(found) and pa.types.is_list(today):
        return _is_earlier_type(found.value_type, today.value_type)
    return bool(found.equals(today))


def completed_table(subset: Subset, table: Any) -> Any:
    """A table of an earlier schema in today's: what it lacks is null."""
    today = SCHEMAS[subset]
    if table.schema.equals(today):
        return table
    columns = [
        table[column.name].cast(column.type)
        if column.name in table.column_names
        else pa.nulls(table.num_rows, column.type)
        for column in today
    ]
    return pa.table(columns, schema=today)


def as_earlier(subset: Subset, table: Any, earlier: Any) -> Any:
    """A table as it would be read from a file of an earlier schema: what that lacks is null."""
    if earlier.equals(SCHEMAS[subset]):
        return table
    return completed_table(subset, table.select(earlier.names).cast(earlier.remove_metadata()))
