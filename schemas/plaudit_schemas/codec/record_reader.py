"""Decode Avro binary to dicts with Python functions that are generated once for each schema.

fastavro walks the schema for every datum. A function for one schema has nothing to look up and is several
times as fast (docs/decisions/0002). It can read data of its own schema only; fastavro does the schema
resolution for other schemas.

The results equal fastavro's, with one difference: a union of several records gives `(full name, dict)`. A
union of null and one record gives a plain dict.
"""

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, Final

from plaudit_schemas.codec.avro_types import may_be_empty, runs
from plaudit_schemas.codec.catalog import Schema
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.record_functions import SHORTEST_RUN, RecordFunctions, function_name
from plaudit_schemas.codec.varint import read_block, read_long, read_size

READ_IMPORTS: Final = (
    "cimport cython",
    "from plaudit_schemas.codec.varint cimport read_block, read_long, read_size",
    "from plaudit_schemas.codec.varint cimport read_long as read_time",
)
"""Declarations of what a generated reader calls as functions of C."""

Reader = Callable[[bytes, int], tuple[dict[str, Any], int]]


def compile_reader(schema: Schema, *, sparse: bool = False) -> Reader:
    """Generate a function `(payload, position) -> (record, next position)`.

    The function raises IndexError, ValueError or struct.error if the bytes do not follow the schema. If a
    string reaches beyond the end of the payload, it returns a next position beyond the payload's length.

    Args:
        sparse: leave out each field that holds nothing (null, or an empty array or map) if that is also its
            default. Sparse records are faster to build and to encode. A compiled writer gives the same
            bytes for both forms.

    Raises:
        NotImplementedError: the schema has a type other than null, boolean, int, long, double, string, enum,
            array, map, record and union.
    """
    source = _ReadFunctions(schema, sparse=sparse)
    reader: Reader = source.compile(schema["name"])
    return reader


class _ReadFunctions(RecordFunctions):
    """In the generated lines `b` is the payload, `i` the position, `r` the record, `n` a small number.

    Compiled, positions and small numbers are those of C, and records are dicts as ever.
    """

    def __init__(self, schema: Schema, *, sparse: bool) -> None:
        self._sparse = sparse
        self._counts: list[str] = []
        super().__init__(
            schema,
            read_long=read_long,
            read_size=read_size,
            read_block=read_block,
            unpack_double=Struct("<d").unpack_from,
        )
        self._out.declarations = [*READ_IMPORTS, *self._out.declarations]

    def _add_record(self, name: str, fields: list[Any]) -> None:
        out = self._out
        self._counts = ["n"]
        with out.block(f"def {function_name(name)}(b, i):"):
            out.line("r = {}")
            for run in runs(fields):
                if self._sparse and len(run) >= SHORTEST_RUN:
                    zeros = out.bind(bytes(len(run)))
                    out.line(f"if b.startswith({zeros}, i): i += {len(run)}")
                    with out.block("else:"):
                        self._add_fields(run)
                else:
                    self._add_fields(run)
            out.line("return r, i")
        locals_ = ", ".join(f"{count}=Py_ssize_t" for count in self._counts)
        out.declarations += [
            f"@cython.locals(r=dict, {locals_})",
            f"cpdef tuple {function_name(name)}(bytes b, Py_ssize_t i)",
        ]

    def _add_fields(self, fields: list[Any]) -> None:
        out = self._out
        for field in fields:
            value, key = out.fresh("v"), repr(field["name"])
            if self._sparse and may_be_empty(field):
                with out.block("if b[i]:"):
                    self._add_value(field["type"], value)
                    out.line(f"r[{key}] = {value}")
                out.line("else: i += 1")
            else:
                self._add_value(field["type"], value)
                out.line(f"r[{key}] = {value}")

    def _count(self, prefix: str) -> str:
        """The name of a variable that holds a small number."""
        name = self._out.fresh(prefix)
        self._counts.append(name)
        return name

    def _add_time(self, name: str) -> None:
        self._out.names.setdefault("read_time", time_reader())
        self._out.line(f"{name}, i = read_time(b, i)")

    def _add_call(self, node: Schema, name: str) -> None:
        self._out.line(f"{name}, i = {function_name(node['name'])}(b, i)")

    def _add_enum(self, node: Schema, name: str) -> None:
        out = self._out
        # The byte of a varint is twice its value (zigzag). One byte is enough for 64 symbols.
        symbols = out.bind({index * 2: symbol for index, symbol in enumerate(node["symbols"])})
        out.line(f"{name} = {symbols}.get(b[i])", "i += 1")
        out.line(f"if {name} is None: raise ValueError('no symbol of {node['name']}')")

    def _add_primitive(self, kind: str, name: str) -> None:
        out = self._out
        if kind == "null":
            out.line(f"{name} = None")
        elif kind == "boolean":
            out.line(f"{name} = b[i] == 1", "if b[i] > 1: raise ValueError('no boolean: {}'.format(b[i]))")
            out.line("i += 1")
        elif kind in ("int", "long"):
            # Small positive numbers take one byte: neither the sign (1) nor the continuation (0x80) is set.
            out.line("n = b[i]", f"if n & 0x81: {name}, i = read_long(b, i)")
            out.line(f"else: {name} = n >> 1; i += 1")
        elif kind == "double":
            out.line(f"{name} = unpack_double(b, i)[0]", "i += 8")
        elif kind == "string":
            out.line("n = b[i]", "if n & 0x81: n, i = read_size(b, i)", "else: n >>= 1; i += 1")
            out.line(f"{name} = b[i:i + n].decode()", "i += n")
        else:
            raise NotImplementedError(f"Avro type {kind}")

    def _add_union(self, nodes: list[Any], name: str) -> None:
        out = self._out
        records = [node for node in nodes if isinstance(node, dict) and node["type"] == "record"]
        tag = self._count("t")
        out.line(f"{tag} = b[i]", "i += 1")
        for index, node in enumerate(nodes):
            with out.block(f"{'if' if index == 0 else 'elif'} {tag} == {index * 2}:"):
                self._add_value(node, name)
                if len(records) > 1 and node in records:
                    out.line(f"{name} = ({node['name']!r}, {name})")
        out.line(f"else: raise ValueError('no branch {{}} in a union'.format({tag}))")

    def _add_blocks(self, node: Schema, name: str) -> None:
        """Add lines for an array or a map: blocks of items, the last of which is empty."""
        out = self._out
        left, item, key = self._count("c"), out.fresh("e"), out.fresh("k")
        is_map = node["type"] == "map"
        out.line(f"{name} = " + ("{}" if is_map else "[]"), f"{left} = b[i]", f"if not {left}: i += 1")
        with out.block("else:"):
            out.line(f"{left}, i = read_block(b, i)")
            with out.block(f"while {left}:"):
                with out.block(f"for _ in range({left}):"):
                    if is_map:
                        self._add_primitive("string", key)
                    self._add_value(node["values" if is_map else "items"], item)
                    out.line(f"{name}[{key}] = {item}" if is_map else f"{name}.append({item})")
                out.line(f"{left}, i = read_block(b, i)")


def reader_source(schema: Schema, *, sparse: bool = False) -> Emitter:
    """The source of `compile_reader`, for the compiler."""
    return _ReadFunctions(schema, sparse=sparse).emitter


@cache
def time_reader() -> Callable[[bytes, int], tuple[int, int]]:
    """The `read_time` of all readers. Its tables take about 2 MB, so only schemas with times build them."""
    inner, last = _seven_bit_pairs()
    unpack = Struct("<4H").unpack_from

    def read_time(payload: bytes, position: int) -> tuple[int, int]:
        """As `read_long`, but without a loop for 8 bytes, the length of today's microseconds."""
        if len(payload) - position >= 8:
            a, b, c, d = unpack(payload, position)
            value = inner[a] | inner[b] << 14 | inner[c] << 28 | last[d] << 42
            if value >= 0 and not value & 1:
                return value >> 1, position + 8
        return read_long(payload, position)

    return read_time


def _seven_bit_pairs() -> tuple[list[int], list[int]]:
    """Tables from two bytes of a varint, as a little-endian number, to their 14 bits.

    The first table is for bytes that must both continue, the second for a pair that ends the varint. Other
    pairs give -1.
    """
    inner, last = [-1] * 65536, [-1] * 65536
    for low in range(128):
        inner[0x8080 | low :: 256] = range(low, 1 << 14, 128)
        last[0x80 | low : 0x8000 : 256] = range(low, 1 << 14, 128)
    return inner, last
