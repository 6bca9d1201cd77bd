"""Times that no reader of the rows could hold become null.

An old log may hold times outside the years 1 to 9999. One of them in a Parquet file makes the whole file
unreadable for pandas, pyarrow, Polars and `datasets` (docs/decisions/0033).
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.contract.times import EARLIEST_MICROS, LATEST_MICROS


def with_readable_times(table: Any) -> Any:
    """The table with every time outside the years 1 to 9999 replaced by null, at any depth.

    Args:
        table: with times in microseconds. It is returned unchanged, without a copy, if all are readable.
    """
    columns = table.columns
    readable = [_readable_chunks(column) for column in columns]
    if _all_same(readable, columns):
        return table
    return pa.Table.from_arrays(readable, schema=table.schema)


def _all_same(new: list[Any], old: list[Any]) -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))


def _readable_chunks(column: Any) -> Any:
    chunks = column.chunks  # read once: Arrow makes new objects each time
    readable = [_readable(chunk) for chunk in chunks]
    return column if _all_same(readable, chunks) else pa.chunked_array(readable, column.type)


def _readable(array: Any) -> Any:
    if pa.types.is_timestamp(array.type):
        return _readable_timestamps(array)
    if pa.types.is_struct(array.type):
        return _readable_structs(array)
    if pa.types.is_list(array.type):
        return _readable_lists(array)
    return array


def _readable_timestamps(array: Any) -> Any:
    numbers = array.view(pa.int64())
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is None or (ends["min"] >= EARLIEST_MICROS and ends["max"] <= LATEST_MICROS):
        return array
    readable = pc.and_(pc.greater_equal(numbers, EARLIEST_MICROS), pc.less_equal(numbers, LATEST_MICROS))
    return pc.if_else(readable, array, pa.scalar(None, array.type))


def _readable_structs(array: Any) -> Any:
    fields = [array.field(index) for index in range(array.type.num_fields)]
    readable = [_readable(field) for field in fields]
    if _all_same(readable, fields):
        return array
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(readable, fields=list(array.type), mask=mask)


def _readable_lists(array: Any) -> Any:
    items = array.values
    readable = _readable(items)
    if readable is items:
        return array
    # A new array of offsets: Arrow takes no mask with the offsets of a slice.
    offsets = pa.array(array.offsets.to_numpy())
    mask = array.is_null() if array.null_count else None
    return pa.ListArray.from_arrays(offsets, readable, type=array.type, mask=mask)
