"""Reads Avro binary straight into Arrow columns, without a dict for each record.

A function is generated from the schema, as `plaudit_schemas.codec.record_reader` does for dicts. It reads
records and appends each value to its column.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from struct import Struct, error
from typing import Any, Final

from plaudit_schemas.codec.avro_types import named_types, resolve
from plaudit_schemas.codec.catalog import Schema
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.record_reader import READ_IMPORTS, time_reader
from plaudit_schemas.codec.varint import read_block, read_size

from plaudit_consumers.rows.columns import (
    Column,
    EnumColumn,
    FirstColumn,
    ListColumn,
    OptionalColumn,
    StructColumn,
    TextColumn,
    ValueColumn,
)

Node = Any

# Numbers from 0 to 8191 take one or two bytes and are read inline, others by a call.
_READ_TEXT_END: Final = (
    "n = b[i]",
    "if not n & 0x81: i += 1; n = i + (n >> 1)",
    "elif not n & 1 and (h := b[i + 1]) < 0x80: i += 2; n = i + ((n & 0x7F | h << 7) >> 1)",
    "else: n, i = read_size(b, i); n += i",
)
_READ_NUMBER: Final = (
    "v = b[i]",
    "if not v & 0x81: i += 1; v >>= 1",
    "elif not v & 1 and (h := b[i + 1]) < 0x80: i += 2; v = (v & 0x7F | h << 7) >> 1",
    "else: v, i = read_time(b, i)",
)
_TYPES: Final = {
    "b": "bytes", "h": "Py_ssize_t", "i": "Py_ssize_t", "n": "Py_ssize_t", "row": "Py_ssize_t",
    "t": "Py_ssize_t", "v": '"long long"',
}  # fmt: skip


class ColumnReader:
    """Reads batches of records of one schema. Not for concurrent use."""

    def __init__(self, source: "ColumnSource") -> None:
        """Compile the reading function."""
        self._source = source
        source.compile()

    def read_structs(self, payloads: Sequence[bytes], start: int, arrow_type: Any) -> Any:
        """Read each payload from byte `start` on into a struct array, one struct for each payload.

        Raises:
            ValueError: a payload does not match the schema. The error does not say which.
        """
        source = self._source
        try:
            source.read(payloads, start)
            return source.root.to_arrow(len(payloads), arrow_type)
        except (IndexError, OverflowError, error) as short:  # what reading past the end of bytes raises
            raise ValueError("a payload ends too early") from short
        finally:
            source.root.clear()  # also after an error, or the next batch would begin with half of this one


class ColumnSource:
    """Generates the source of `read(payloads, start, columns)`, and holds the columns that it fills.

    In the source `b` is a payload, `i` the position, `row` the row that a value belongs to, `n` the end of
    a text, `v` a number, `h` a second byte and `t` the branch of a union. Every node of the schema adds some
    lines to this one function, which saves a call for each node. The columns are an argument, because all
    sources of one schema share its compiled module.

    Attributes:
        root: the column of the whole records.
        emitter: holds the source.
    """

    def __init__(
        self, schema: Schema, *, inlined: frozenset[str], value_columns: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Generate the source.

        Args:
            schema: of both writer and reader.
            inlined: names of record fields whose own fields become columns of the enclosing record.
            value_columns: for a union of null and several records, record name -> field -> the column of the
                enclosing record. A union of records alone gives a column for each, with its short name.

        Raises:
            NotImplementedError: the schema has a type that no column holds.
        """
        self._inlined, self._value_columns = inlined, value_columns
        self._types = named_types(schema)
        self._filled: dict[str, Callable[[], Any]] = {}
        self._types_of_c = dict(_TYPES)
        self.emitter = self._out = Emitter(
            read_time=time_reader(),
            read_size=read_size,
            read_block=read_block,
            unpack_double=Struct("<d").unpack_from,
        )
        out = self._out
        with out.block("def read(payloads, start, columns):"):
            unpack = out.later()
            out.line("row = 0")
            with out.block("for b in payloads:"):
                out.line("i = start")
                self.root = StructColumn(self._fields(schema, "row"))
                out.line("if i != len(b): raise ValueError(f'the record ends at byte {i} of {len(b)}')")
                out.line("row += 1")
        unpack(f"{', '.join(self._filled)}, = columns")
        types = ", ".join(f"{name}={kind}" for name, kind in self._types_of_c.items())
        out.declarations += [
            *READ_IMPORTS, f"@cython.locals({types})", "cpdef read(payloads, Py_ssize_t start, columns)"
        ]  # fmt: skip

    def compile(self) -> None:
        """Compile the source, so that `read` may be called."""
        self._read = self.emitter.compile("columns")["read"]

    def read(self, payloads: Sequence[bytes], start: int) -> None:
        """Read each payload from byte `start` on into the columns."""
        self._read(payloads, start, [filled() for filled in self._filled.values()])

    def _fill(self, prefix: str, kind: str, column: Callable[[], Any]) -> str:
        """Make a list or buffer available to the source. Returns its name.

        Args:
            kind: its type of C.
            column: gives it; not the same one for each batch, as Arrow takes over the buffers of texts.
        """
        name = self._out.fresh(prefix)
        self._filled[name], self._types_of_c[name] = column, kind
        return name

    def _list(self, values: list[Any]) -> str:
        return self._fill("list", "list", lambda: values)

    def _number_of_c(self) -> str:
        """The name of a variable that holds a small number."""
        name = self._out.fresh("count")
        self._types_of_c[name] = "Py_ssize_t"
        return name

    def _fields(self, record: Schema, row: str) -> dict[str, Column]:
        """Emit the lines that read the fields of a record.

        Most optional fields are empty. Where several follow each other, one comparison with zeros skips them.
        """
        columns: dict[str, Column] = {}
        for absent, run in groupby(record["fields"], self._may_be_absent):
            fields = list(run)
            if absent and len(fields) > 1:
                zeros = self._out.bind(bytes(len(fields)))
                self._out.line(f"if b.startswith({zeros}, i): i += {len(fields)}")
                with self._out.block("else:"):
                    for field in fields:
                        self._add(columns, self._field(field, row))
            else:
                for field in fields:
                    self._add(columns, self._field(field, row))
        return columns

    @staticmethod
    def _add(columns: dict[str, Column], more: dict[str, Column]) -> None:
        """Add columns. A value names its signal, and a withdrawn one has only the name beside it."""
        for name, column in more.items():
            columns[name] = FirstColumn(column, columns[name]) if name in columns else column

    def _may_be_absent(self, field: Schema) -> bool:
        """Whether a single zero byte encodes that the field is empty."""
        node = resolve(field["type"], self._types)
        if isinstance(node, list):
            return bool(node[0] == "null")
        return isinstance(node, dict) and node["type"] in ("array", "map")

    def _field(self, field: Schema, row: str) -> dict[str, Column]:
        node = resolve(field["type"], self._types)
        if field["name"] in self._inlined and isinstance(node, dict) and node["type"] == "record":
            return self._fields(node, row)
        if isinstance(node, list) and len(node) > 2:
            return self._union(node, row) if node[0] == "null" else self._records(node, row)
        return {field["name"]: self._column(node, row)}

    def _column(self, node: Node, row: str) -> Column:
        if isinstance(node, list):
            return self._optional(node, row)
        if isinstance(node, str):
            return self._text() if node == "string" else self._number(node)
        if node["type"] == "record":
            return StructColumn(self._fields(node, row))
        if node["type"] == "enum":
            return self._enum(node)
        return self._lists(node, row)

    def _text(self) -> TextColumn:
        column = TextColumn()
        data = self._fill("data", "bytearray", lambda: column.data)
        append = self._fill("append", "object", lambda: column.lengths.append)
        self._out.line(*_READ_TEXT_END, f"{data} += b[i:n]", f"{append}(n - i)", "i = n")
        return column

    def _number(self, kind: str) -> ValueColumn:
        column = ValueColumn()
        values = self._list(column.values)
        if kind == "boolean":
            self._out.line("if b[i] > 1: raise ValueError('no boolean')")
            self._out.line(f"{values}.append(b[i] == 1)", "i += 1")
        elif kind in ("int", "long"):
            self._out.line(*_READ_NUMBER, f"{values}.append(v)")
        elif kind == "double":
            self._out.line(f"{values}.append(unpack_double(b, i)[0])", "i += 8")
        else:
            raise NotImplementedError(f"Avro type {kind}")
        return column

    def _enum(self, node: Schema) -> EnumColumn:
        column = EnumColumn(node["symbols"])
        values, last = self._list(column.values), 2 * len(node["symbols"]) - 2
        self._out.line(f"if b[i] > {last} or b[i] & 1: raise ValueError('no symbol')")
        self._out.line(f"{values}.append(b[i])", "i += 1")
        return column

    def _optional(self, branches: list[Node], row: str) -> OptionalColumn:
        """Emit a union of null and one other type."""
        with self._out.block("if b[i] == 2:"):
            self._out.line("i += 1")
            column = self._value_at_row(resolve(branches[1], self._types), row)
        self._out.line("elif b[i]: raise ValueError('no branch')", "else: i += 1")
        return column

    def _value_at_row(self, node: Node, row: str) -> OptionalColumn:
        rows: list[int] = []
        name, inner_row = self._list(rows), self._number_of_c()
        self._out.line(f"{inner_row} = len({name})", f"{name}.append({row})")
        return OptionalColumn(rows, self._column(node, inner_row))

    def _union(self, branches: list[Node], row: str) -> dict[str, Column]:
        """Emit a union of null and several records, each with its own columns."""
        columns: dict[str, Column] = {}
        self._out.line("t = b[i]", "i += 1", "if t == 0: pass")
        for index, branch in enumerate(branches[1:], start=1):
            record = resolve(branch, self._types)
            names = self._value_columns[record["name"]]
            # Avro writes the branch as a zigzag number: twice its index.
            with self._out.block(f"elif t == {2 * index}:"):
                for field in record["fields"]:
                    node = resolve(field["type"], self._types)
                    is_list = isinstance(node, dict) and node["type"] == "array"
                    read_into = self._column if is_list else self._value_at_row
                    columns[names[field["name"]]] = read_into(node, row)
        self._out.line("else: raise ValueError('no branch')")
        return columns

    def _records(self, branches: list[Node], row: str) -> dict[str, Column]:
        """Emit a union of several records, each a column of its own."""
        columns: dict[str, Column] = {}
        self._out.line("t = b[i]", "i += 1", "if t & 1: raise ValueError('no branch')")
        for index, branch in enumerate(branches):
            record = resolve(branch, self._types)
            with self._out.block(f"elif t == {2 * index}:"):
                columns[record["name"].rpartition(".")[2]] = self._value_at_row(record, row)
        self._out.line("else: raise ValueError('no branch')")
        return columns

    def _lists(self, node: Schema, row: str) -> ListColumn:
        """Emit an array or a map: blocks of items. Items are numbered across the lists of all rows."""
        out, spans = self._out, (list[int](), list[int](), list[int]())
        rows, lengths, ends = map(self._list, spans)
        left, item, first = self._number_of_c(), self._number_of_c(), self._number_of_c()
        with out.block("if b[i]:"):
            out.line(f"{first} = {item} = {ends}[-1] if {ends} else 0")
            out.line(f"{left}, i = read_block(b, i)")
            with out.block(f"while {left}:"):
                with out.block(f"for _ in range({left}):"):
                    items = self._item(node, item)
                    out.line(f"{item} += 1")
                out.line(f"{left}, i = read_block(b, i)")
            out.line(f"{ends}.append({item})", f"{rows}.append({row})")
            out.line(f"{lengths}.append({item} - {first})")
        out.line("else: i += 1")
        return ListColumn(*spans, items)

    def _item(self, node: Schema, row: str) -> Column:
        if node["type"] == "array":
            return self._column(resolve(node["items"], self._types), row)
        value = resolve(node["values"], self._types)
        return StructColumn({"key": self._text(), "value": self._column(value, row)})
