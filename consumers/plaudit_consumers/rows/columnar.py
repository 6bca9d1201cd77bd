"""Avro binary straight into Arrow columns, without a dict for each record.

A function is generated from the schema, as `plaudit_schemas.compiled` does for dicts: it appends each
value to the list of its column. What is mostly absent (null, empty) costs its column nothing: only
the positions of what is there are kept.
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import groupby
from struct import Struct as Packed
from struct import error
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from plaudit_schemas.catalog import Schema
from plaudit_schemas.compiled import named_types, read_block, read_size, resolve, time_reader

_DOUBLE = Packed("<d")
# The end of a text, and a number: up to 8191 in place, larger ones by a call.
_SIZE = (
    "n = b[i]",
    "if not n & 0x81: i += 1; n = i + (n >> 1)",
    "elif not n & 1 and (h := b[i + 1]) < 0x80: i += 2; n = i + ((n & 0x7F | h << 7) >> 1)",
    "else: n, i = read_size(b, i); n += i",
)
_NUMBER = (
    "v = b[i]",
    "if not v & 0x81: i += 1; v >>= 1",
    "elif not v & 1 and (h := b[i + 1]) < 0x80: i += 2; v = (v & 0x7F | h << 7) >> 1",
    "else: v, i = read_time(b, i)",
)


class Column(Protocol):
    """What was read of one node of the schema."""

    def build(self, count: int, kind: Any) -> Any:
        """An array of `count` values of an Arrow type."""


class _Values:
    """One value for each row."""

    def __init__(self, symbols: list[str] | None = None) -> None:
        self.items: list[Any] = []
        self._symbols = symbols

    def build(self, count: int, kind: Any) -> Any:
        del count  # there is one for each row
        if self._symbols is not None:
            return pa.array(self._symbols, kind).take(pa.array(np.array(self.items, np.int64) >> 1))
        return pa.array(self.items, kind)


class _Texts:
    """Texts as their bytes, one after the other; Arrow takes them over, and checks that they are UTF-8."""

    def __init__(self) -> None:
        self.data, self.lengths = bytearray(), array("i")

    def build(self, count: int, kind: Any) -> Any:
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(np.frombuffer(self.lengths, np.int32), out=offsets[1:])
        texts = pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(self.data)])
        texts.validate(full=True)
        return texts


class _Record:
    """A struct; fields that Arrow's type has and the schema lacks are null."""

    def __init__(self, fields: dict[str, Column]) -> None:
        self.fields = fields

    def build(self, count: int, kind: Any) -> Any:
        arrays = [
            self.fields[field.name].build(count, field.type)
            if field.name in self.fields
            else pa.nulls(count, field.type)
            for field in kind
        ]
        return pa.StructArray.from_arrays(arrays, fields=list(kind))


class _Maybe:
    """Values at some rows; null at the others."""

    def __init__(self, inner: Column) -> None:
        self.rows: list[int] = []
        self.inner = inner

    def build(self, count: int, kind: Any) -> Any:
        there = len(self.rows)
        if not there:
            return pa.nulls(count, kind)
        array = self.inner.build(there, kind)
        if there < count:
            at = np.full(count, -1, np.int64)
            at[self.rows] = np.arange(there)
            array = array.take(pa.array(at, mask=at < 0))
        return array


class _Lists:
    """Lists at some rows; empty at the others."""

    def __init__(self, inner: Column) -> None:
        self.rows: list[int] = []
        self.lengths: list[int] = []
        self.ends: list[int] = []
        self.inner = inner

    def build(self, count: int, kind: Any) -> Any:
        lengths = np.zeros(count, np.int32)
        lengths[self.rows] = self.lengths
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        values = self.inner.build(int(offsets[-1]), kind.value_type)
        return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind)


class ColumnReader:
    """Reads records of one schema into columns.

    Args:
        schema: of the writer and the reader alike; its union of several records must hold no null but
            the first branch, and its fields go to the columns that `branches` names, beside the union's.
        inlined: fields whose record's fields lie beside them.
        branches: of such a union, by record and field: the column.
    """

    def __init__(
        self, schema: Schema, *, inlined: frozenset[str], branches: dict[str, dict[str, str]]
    ) -> None:
        self._inlined, self._branches = inlined, branches
        self._lists_made: list[list[Any]] = []
        self._texts: list[tuple[_Texts, tuple[str, str]]] = []
        self._variables = 0
        self._lines = ["def read(b, i, row):"]
        self._names: dict[str, Any] = {
            "read_time": time_reader(), "read_size": read_size, "read_block": read_block,
            "unpack_double": _DOUBLE.unpack_from,
        }  # fmt: skip
        self._types = named_types(schema)
        self._root = _Record(self._fields(1, schema, "row"))
        self._emit(1, "return i")
        exec(compile("\n".join(self._lines), "<columns>", "exec"), self._names)  # noqa: S102  # our own text
        self._read: Callable[[bytes, int, int], int] = self._names["read"]

    def arrays(self, payloads: Sequence[bytes], start: int, kind: Any) -> Any:
        """A struct array of Arrow type `kind`: a record of each payload, from byte `start` on.

        Raises:
            ValueError: a payload does not follow the schema; nothing says which.
        """
        read = self._read
        try:
            for row, payload in enumerate(payloads):
                end = read(payload, start, row)
                if end != len(payload):
                    raise ValueError(f"the record ends at byte {end} of {len(payload)}")
            return self._root.build(len(payloads), kind)
        except (IndexError, OverflowError, error) as short:
            raise ValueError("a payload ends too early") from short
        finally:
            for each in self._lists_made:
                each.clear()
            for text, names in self._texts:
                self._rebind(text, names)

    def _emit(self, indent: int, *lines: str) -> None:
        self._lines.extend("    " * indent + line for line in lines)

    def _bind(self, value: Any) -> str:
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name

    def _kept(self, items: list[Any]) -> list[Any]:
        self._lists_made.append(items)
        return items

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _resolve(self, node: Any) -> Any:
        return resolve(node, self._types)

    def _fields(self, indent: int, record: Schema, row: str) -> dict[str, Column]:
        columns: dict[str, Column] = {}
        for absent, run in groupby(record["fields"], self._may_be_absent):
            fields = list(run)
            if absent and len(fields) > 1:
                self._emit(
                    indent, f"if b.startswith({self._bind(bytes(len(fields)))}, i): i += {len(fields)}"
                )
                self._emit(indent, "else:")
            for field in fields:
                columns |= self._field(indent + (absent and len(fields) > 1), field, row)
        return columns

    def _may_be_absent(self, field: Schema) -> bool:
        """Whether one zero byte says that the field holds nothing."""
        node = self._resolve(field["type"])
        return isinstance(node, list) or (isinstance(node, dict) and node["type"] in ("array", "map"))

    def _field(self, indent: int, field: Schema, row: str) -> dict[str, Column]:
        node = self._resolve(field["type"])
        if field["name"] in self._inlined and isinstance(node, dict) and node["type"] == "record":
            return self._fields(indent, node, row)
        if isinstance(node, list) and len(node) > 2:
            return self._union(indent, node, row)
        return {field["name"]: self._column(indent, node, row)}

    def _column(self, indent: int, node: Any, row: str) -> Column:
        if isinstance(node, list):
            return self._maybe(indent, self._resolve(node[1]), row)
        if isinstance(node, str):
            return self._primitive(indent, node)
        if node["type"] == "record":
            return _Record(self._fields(indent, node, row))
        if node["type"] == "enum":
            values = _Values(node["symbols"])
            most = 2 * len(node["symbols"]) - 2
            self._emit(indent, f"if b[i] > {most} or b[i] & 1: raise ValueError('no symbol')")
            self._emit(indent, f"{self._bind(self._kept(values.items).append)}(b[i])", "i += 1")
            return values
        return self._lists(indent, node, row)

    def _text(self, indent: int) -> _Texts:
        text = _Texts()
        names = (self._bind(None), self._bind(None))
        self._texts.append((text, names))
        self._rebind(text, names)
        self._emit(indent, *_SIZE, f"{names[0]}(b[i:n])", f"{names[1]}(n - i)", "i = n")
        return text

    def _rebind(self, text: _Texts, names: tuple[str, str]) -> None:
        """Begin the texts anew: Arrow has taken the old ones over."""
        text.data, text.lengths = bytearray(), array("i")
        self._names[names[0]], self._names[names[1]] = text.data.extend, text.lengths.append

    def _primitive(self, indent: int, kind: str) -> Column:
        if kind == "string":
            return self._text(indent)
        values = _Values()
        append = self._bind(self._kept(values.items).append)
        if kind == "boolean":
            self._emit(
                indent, "if b[i] > 1: raise ValueError('no boolean')", f"{append}(b[i] == 1)", "i += 1"
            )
        elif kind in ("int", "long"):
            self._emit(indent, *_NUMBER, f"{append}(v)")
        elif kind == "double":
            self._emit(indent, f"{append}(unpack_double(b, i)[0])", "i += 8")
        else:
            raise NotImplementedError(f"Avro type {kind}")
        return values

    def _maybe(self, indent: int, node: Any, row: str) -> _Maybe:
        self._emit(indent, "if b[i] == 2:", "    i += 1")
        column = self._at_rows(indent + 1, node, row)
        self._emit(indent, "elif b[i]: raise ValueError('no branch')", "else: i += 1")
        return column

    def _at_rows(self, indent: int, node: Any, row: str) -> _Maybe:
        column, at = _Maybe(_Values()), self._variable()
        rows = self._bind(self._kept(column.rows))
        self._emit(indent, f"{at} = len({rows})", f"{rows}.append({row})")
        column.inner = self._column(indent, node, at)
        return column

    def _union(self, indent: int, branches: list[Any], row: str) -> dict[str, Column]:
        columns: dict[str, Column] = {}
        self._emit(indent, "t = b[i]", "i += 1", "if t == 0: pass")
        for index, branch in enumerate(branches[1:], start=1):
            node = self._resolve(branch)
            self._emit(indent, f"elif t == {2 * index}:")
            for field in node["fields"]:
                value = self._resolve(field["type"])
                listed = isinstance(value, dict) and value["type"] == "array"
                column = self._column if listed else self._at_rows
                columns[self._branches[node["name"]][field["name"]]] = column(indent + 1, value, row)
        self._emit(indent, "else: raise ValueError('no branch')")
        return columns

    def _lists(self, indent: int, node: Schema, row: str) -> _Lists:
        column = _Lists(_Values())
        rows, lengths = (self._bind(self._kept(each)) for each in (column.rows, column.lengths))
        left, item, first = self._variable(), self._variable(), self._variable()
        # Items of all rows lie one after the other: the next one's row is how many there were.
        ends = self._bind(self._kept(column.ends))
        self._emit(indent, "if b[i]:")
        self._emit(indent + 1, f"{first} = {item} = {ends}[-1] if {ends} else 0")
        self._emit(
            indent + 1, f"{left}, i = read_block(b, i)", f"while {left}:", f"    for _ in range({left}):"
        )
        column.inner = self._item(indent + 3, node, item)
        self._emit(indent + 3, f"{item} += 1")
        self._emit(indent + 2, f"{left}, i = read_block(b, i)")
        self._emit(indent + 1, f"{ends}.append({item})", f"{rows}.append({row})")
        self._emit(indent + 1, f"{lengths}.append({item} - {first})")
        self._emit(indent, "else: i += 1")
        return column

    def _item(self, indent: int, node: Schema, row: str) -> Column:
        if node["type"] == "array":
            return self._column(indent, self._resolve(node["items"]), row)
        return _Record(
            {
                "key": self._primitive(indent, "string"),
                "value": self._column(indent, self._resolve(node["values"]), row),
            }
        )
