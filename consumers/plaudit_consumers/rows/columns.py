"""Columns under construction: the values read for each node of an Avro schema, which become Arrow arrays.

Generated code (`rows.column_reader`) fills the lists and buffers of these classes. A column whose values are
mostly absent costs almost nothing, because it keeps only the rows that have one.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Column(Protocol):
    """The values read for one node since the last `clear`."""

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        """The values as an array of length `count`."""

    def clear(self) -> None:
        """Forget all values, for the next batch."""


class ValueColumn:
    """A number or boolean for each row."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        del count  # there is a value for each row
        return pa.array(self.values, arrow_type)

    def clear(self) -> None:
        self.values.clear()


class EnumColumn(ValueColumn):
    """A symbol for each row, kept as the byte that Avro writes: twice its index in the schema."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self._symbols = symbols

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        del count  # there is a symbol for each row
        return pa.array(self._symbols, arrow_type).take(pa.array(np.array(self.values, np.int64) >> 1))


class TextColumn:
    """A text for each row: the bytes of all texts in sequence, and the length of each in bytes."""

    def __init__(self) -> None:
        self.data, self.lengths = bytearray(), array("i")

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        """The texts. Arrow keeps the buffer without a copy."""
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(np.frombuffer(self.lengths, np.int32), out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.data)]
        texts = pa.Array.from_buffers(arrow_type, count, buffers)
        texts.validate(full=True)  # `from_buffers` checks nothing, and a payload may hold invalid UTF-8
        return texts

    def clear(self) -> None:
        """Start with new buffers, because an Arrow array uses the old ones."""
        self.data, self.lengths = bytearray(), array("i")


class StructColumn:
    """A struct for each row. Fields that only the Arrow type has are null."""

    def __init__(self, fields: Mapping[str, Column]) -> None:
        self._fields = fields

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        arrays = [
            self._fields[field.name].to_arrow(count, field.type)
            if field.name in self._fields
            else pa.nulls(count, field.type)
            for field in arrow_type
        ]
        return pa.StructArray.from_arrays(arrays, fields=list(arrow_type))

    def clear(self) -> None:
        for column in self._fields.values():
            column.clear()


class OptionalColumn:
    """Values in some rows, null in the others."""

    def __init__(self, rows: list[int], values: Column) -> None:
        self._rows, self._values = rows, values

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        present = len(self._rows)
        if not present:
            return pa.nulls(count, arrow_type)
        values = self._values.to_arrow(present, arrow_type)
        if present == count:
            return values
        places = np.full(count, -1, np.int64)
        places[self._rows] = np.arange(present)
        return values.take(pa.array(places, mask=places < 0))

    def clear(self) -> None:
        self._rows.clear()
        self._values.clear()


class FirstColumn:
    """The values of one column and, where it has none, those of another."""

    def __init__(self, first: Column, other: Column) -> None:
        self._first, self._other = first, other

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        first, other = (each.to_arrow(count, arrow_type) for each in (self._first, self._other))
        return first if other.null_count == count else pc.coalesce(first, other)

    def clear(self) -> None:
        self._first.clear()
        self._other.clear()


class ListColumn:
    """Lists in some rows, empty lists in the others. The items of all lists are in one column.

    `ends` has the total number of items up to the end of each list, for the code that fills the column.
    """

    def __init__(self, rows: list[int], lengths: list[int], ends: list[int], items: Column) -> None:
        self._rows, self._lengths, self._ends, self._items = rows, lengths, ends, items

    def to_arrow(self, count: int, arrow_type: Any) -> Any:
        lengths = np.zeros(count, np.int32)
        lengths[self._rows] = self._lengths
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        items = self._items.to_arrow(int(offsets[-1]), arrow_type.value_type)
        return pa.ListArray.from_arrays(pa.array(offsets), items, type=arrow_type)

    def clear(self) -> None:
        for column in (self._rows, self._lengths, self._ends, self._items):
            column.clear()
