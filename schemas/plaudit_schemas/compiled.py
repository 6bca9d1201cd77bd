"""Avro binary <-> dict by Python functions that are generated once for each schema.

fastavro walks the schema anew for every datum; a function written for one schema has nothing
to look up and is several times as fast (docs/decisions/0002). Only equal schemas: what needs
schema resolution goes through fastavro. The results equal fastavro's, which tests hold it to,
with one difference: a union with several records gives and takes `(full name, dict)`, a union
of null and one record plain dicts.

Supported are the types that our schemas use: null, boolean, int, long, double, string, enum,
array, map, record and union; anything else raises NotImplementedError when it is compiled.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from struct import Struct
from typing import Any

from plaudit_schemas.catalog import Schema

Reader = Callable[[bytes, int], tuple[dict[str, Any], int]]
Writer = Callable[[dict[str, Any], bytearray], None]

_DOUBLE = Struct("<d")


def compile_reader(schema: Schema, *, sparse: bool = False) -> Reader:
    """A function `(payload, position) -> (record, next position)`.

    With `sparse`, a field that holds nothing (a null, an empty array or map) and has just that
    as its default is left out: less to build, to keep and to write again. A compiled writer
    gives the same bytes for either form.

    It raises IndexError, ValueError or struct.error on bytes that do not follow the schema; a
    string that overruns the end shows as a next position beyond the payload's length.
    """
    reader: Reader = _compile(_ReaderSource(schema, sparse=sparse), schema)
    return reader


def compile_writer(schema: Schema) -> Writer:
    """A function that appends one record's Avro binary to a bytearray.

    It raises nearly anything (KeyError, TypeError, struct.error, ...) on a record that does not
    fit; what it had appended by then is to be thrown away.
    """
    writer: Writer = _compile(_WriterSource(schema), schema)
    return writer


def read_long(payload: bytes, position: int) -> tuple[int, int]:
    """A zigzag varint; ValueError past 64 bits."""
    value = shift = 0
    while True:
        byte = payload[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 1 << 64:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def _seven_bit_pairs() -> tuple[list[int], list[int]]:
    """For two bytes of a varint as a little-endian number: their 14 bits; -1 where it ends or goes on."""
    inner, last = [-1] * 65536, [-1] * 65536
    for low in range(128):
        inner[0x8080 | low :: 256] = range(low, 1 << 14, 128)
        last[0x80 | low : 0x8000 : 256] = range(low, 1 << 14, 128)
    return inner, last


def time_reader() -> Callable[[bytes, int], tuple[int, int]]:
    """A `read_time`; its tables take half a megabyte, so they are made when asked for."""
    inner, last = _seven_bit_pairs()
    unpack = Struct("<4H").unpack_from

    def read_time(payload: bytes, position: int) -> tuple[int, int]:
        """As `read_long`; a varint of 8 bytes, as today's microseconds have, without a loop."""
        if len(payload) - position >= 8:
            a, b, c, d = unpack(payload, position)
            value = inner[a] | inner[b] << 14 | inner[c] << 28 | last[d] << 42
            if value >= 0 and not value & 1:
                return value >> 1, position + 8
        return read_long(payload, position)

    return read_time


def read_size(payload: bytes, position: int) -> tuple[int, int]:
    """A length; ValueError for a negative one."""
    low = payload[position]
    if low & 0x81 == 0x80:  # most that come here have two bytes
        high = payload[position + 1]
        if high < 0x80:
            return (low & 0x7F | high << 7) >> 1, position + 2
    size, position = read_long(payload, position)
    if size < 0:
        raise ValueError("a length is negative")
    return size, position


def read_block(payload: bytes, position: int) -> tuple[int, int]:
    """The number of items in the next block of an array or a map; 0 ends it."""
    count, position = read_long(payload, position)
    if count < 0:
        _, position = read_size(payload, position)
        count = -count
    if count > len(payload):
        raise ValueError("an array has more items than the message has bytes")
    return count, position


def long_bytes(value: int) -> bytes:
    """A zigzag varint; OverflowError past 64 bits."""
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{value} is no 64-bit number")
    value = value << 1 if value >= 0 else ((-value - 1) << 1) | 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = tuple(long_bytes(number) for number in range(8192))


def _encode_size(size: int) -> bytes:
    return _SMALL[size] if size < 8192 else long_bytes(size)


def _encode_long(value: int) -> bytes:
    return _SMALL[value] if 0 <= value < 8192 else long_bytes(value)


def _encode_time(value: int) -> bytes:
    value <<= 1
    if value >> 49 and not value >> 56:
        return bytes(
            (
                value & 127 | 128, value >> 7 & 127 | 128, value >> 14 & 127 | 128, value >> 21 & 127 | 128,
                value >> 28 & 127 | 128, value >> 35 & 127 | 128, value >> 42 & 127 | 128, value >> 49,
            )
        )  # fmt: skip
    return long_bytes(value >> 1)


_NO_DEFAULT = object()
_SHORTEST_RUN = 3
_PRIMITIVES = ("null", "boolean", "int", "long", "double", "string")


def named_types(schema: Schema) -> dict[str, Schema]:
    """Every record and enum of a schema by its name."""
    found: dict[str, Schema] = {}
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop(0)
        if isinstance(node, list):
            pending = [*node, *pending]
        elif isinstance(node, dict):
            if node["type"] in ("record", "enum"):
                found[node["name"]] = node
            pending = [*(node.get(key) for key in ("fields", "items", "values", "type")), *pending]
    return found


def resolve(node: Any, types: dict[str, Schema]) -> Any:
    """Follow names and `{"type": ...}` wrappers to what a node is."""
    while True:
        if isinstance(node, str) and node in types:
            return types[node]
        if isinstance(node, dict) and (isinstance(node["type"], (list, dict)) or node["type"] in _PRIMITIVES):
            node = node["type"]
            continue
        return node


class _Source:
    """Collects the functions of one schema: one for each record, a line of code for all else."""

    def __init__(self, schema: Schema) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "read_long": read_long, "read_size": read_size, "read_block": read_block,
            "size_bytes": _encode_size, "long_bytes": _encode_long, "time_bytes": _encode_time,
            "unpack_double": _DOUBLE.unpack_from, "pack_double": _DOUBLE.pack,
        }  # fmt: skip
        self.types = named_types(schema)
        self._count = 0
        for name, definition in self.types.items():
            if definition["type"] == "record":
                self.record(name, definition)

    def fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: Any) -> str:
        name = self.fresh("constant")
        self.names[name] = value
        return name

    def emit(self, indent: int, *lines: str) -> None:
        self.lines.extend("    " * indent + line for line in lines)

    def record(self, name: str, definition: Schema) -> None:
        raise NotImplementedError

    def resolve(self, node: Any) -> Any:
        return resolve(node, self.types)


def _is_time(node: Any) -> bool:
    """A long in a wrapper: what `parse(plain_longs=True)` leaves of a logical type."""
    return isinstance(node, dict) and node["type"] == "long"


def _may_be_empty(field: Schema) -> bool:
    """Null (branch 0) and an empty array or map are one zero byte alike."""
    return field.get("default", _NO_DEFAULT) in (None, [], {})


def _runs(fields: list[Schema]) -> Iterator[list[Schema]]:
    """Fields in their order: those that may be empty with their neighbours, the others alone."""
    for empty, group in groupby(fields, key=_may_be_empty):
        if empty:
            yield list(group)
        else:
            yield from ([field] for field in group)


def _function(name: str) -> str:
    return "record_" + name.replace(".", "_")


def _compile(source: _Source, schema: Schema) -> Any:
    code = compile("\n".join(source.lines), f"<avro {schema['name']}>", "exec")
    exec(code, source.names)  # noqa: S102  # our own text, made from a schema, as dataclasses does
    return source.names[_function(schema["name"])]


class _ReaderSource(_Source):
    def __init__(self, schema: Schema, *, sparse: bool) -> None:
        self._sparse = sparse
        super().__init__(schema)

    def record(self, name: str, definition: Schema) -> None:
        self.emit(0, f"def {_function(name)}(b, i):", "    r = {}")
        for fields in _runs(definition["fields"]):
            indent = 1
            if self._sparse and len(fields) >= _SHORTEST_RUN:
                zeros = self.constant(bytes(len(fields)))
                self.emit(1, f"if b.startswith({zeros}, i): i += {len(fields)}", "else:")
                indent = 2
            for field in fields:
                self._field(indent, field)
        self.emit(1, "return r, i")

    def _field(self, indent: int, field: Schema) -> None:
        variable, key = self.fresh("v"), repr(field["name"])
        if self._sparse and _may_be_empty(field):
            self.emit(indent, "if b[i]:")
            self.value(indent + 1, field["type"], variable)
            self.emit(indent + 1, f"r[{key}] = {variable}")
            self.emit(indent, "else: i += 1")
        else:
            self.value(indent, field["type"], variable)
            self.emit(indent, f"r[{key}] = {variable}")

    def value(self, indent: int, node: Any, out: str) -> None:
        if _is_time(node):
            self.names.setdefault("read_time", time_reader())
            self.emit(indent, f"{out}, i = read_time(b, i)")
            return
        node = self.resolve(node)
        if isinstance(node, list):
            self.union(indent, node, out)
        elif isinstance(node, str):
            self.primitive(indent, node, out)
        elif node["type"] == "record":
            self.emit(indent, f"{out}, i = {_function(node['name'])}(b, i)")
        elif node["type"] == "enum":
            symbols = self.constant({index * 2: symbol for index, symbol in enumerate(node["symbols"])})
            self.emit(indent, f"{out} = {symbols}.get(b[i])", "i += 1")
            self.emit(indent, f"if {out} is None: raise ValueError('no symbol of {node['name']}')")
        elif node["type"] in ("array", "map"):
            self.blocks(indent, node, out)
        else:
            raise NotImplementedError(f"Avro type {node['type']}")

    def primitive(self, indent: int, kind: str, out: str) -> None:
        if kind == "null":
            self.emit(indent, f"{out} = None")
        elif kind == "boolean":
            self.emit(
                indent,
                f"{out} = b[i] == 1",
                "if b[i] > 1: raise ValueError('no boolean: {}'.format(b[i]))",
            )
            self.emit(indent, "i += 1")
        elif kind in ("int", "long"):
            self.emit(indent, f"{out} = b[i]", f"if {out} & 0x81: {out}, i = read_long(b, i)")
            self.emit(indent, "else:", f"    {out} >>= 1", "    i += 1")
        elif kind == "double":
            self.emit(indent, f"{out} = unpack_double(b, i)[0]", "i += 8")
        elif kind == "string":
            self.emit(indent, "n = b[i]", "if n & 0x81: n, i = read_size(b, i)")
            self.emit(indent, "else:", "    n >>= 1", "    i += 1")
            self.emit(indent, f"{out} = b[i:i + n].decode()", "i += n")
        else:
            raise NotImplementedError(f"Avro type {kind}")

    def union(self, indent: int, branches: list[Any], out: str) -> None:
        resolved = [self.resolve(branch) for branch in branches]
        records = [node for node in resolved if isinstance(node, dict) and node["type"] == "record"]
        tag = self.fresh("t")
        self.emit(indent, f"{tag} = b[i]", "i += 1")
        for index, node in enumerate(resolved):
            self.emit(indent, f"{'if' if index == 0 else 'elif'} {tag} == {index * 2}:")
            self.value(indent + 1, node, out)
            if len(records) > 1 and node in records:
                self.emit(indent + 1, f"{out} = ({node['name']!r}, {out})")
        self.emit(indent, "else: raise ValueError('no branch {} in a union'.format(" + tag + "))")

    def blocks(self, indent: int, node: Schema, out: str) -> None:
        left, item, key = self.fresh("c"), self.fresh("e"), self.fresh("k")
        mapping = node["type"] == "map"
        self.emit(
            indent, f"{out} = " + ("{}" if mapping else "[]"), f"{left} = b[i]", "if not " + left + ": i += 1"
        )
        self.emit(indent, "else:", f"    {left}, i = read_block(b, i)", f"    while {left}:")
        self.emit(indent + 2, f"for _ in range({left}):")
        if mapping:
            self.primitive(indent + 3, "string", key)
        self.value(indent + 3, node["values" if mapping else "items"], item)
        self.emit(indent + 3, f"{out}[{key}] = {item}" if mapping else f"{out}.append({item})")
        self.emit(indent + 2, f"{left}, i = read_block(b, i)")


class _WriterSource(_Source):
    def record(self, name: str, definition: Schema) -> None:
        self.emit(0, f"def {_function(name)}(r, o):")
        for fields in _runs(definition["fields"]):
            indent = 1
            if len(fields) >= _SHORTEST_RUN:
                keys = self.constant(frozenset(field["name"] for field in fields))
                zeros = self.constant(bytes(len(fields)))
                self.emit(1, f"if {keys}.isdisjoint(r): o += {zeros}", "else:")
                indent = 2
            for field in fields:
                self._field(indent, field)
        self.emit(1, "return")

    def _field(self, indent: int, field: Schema) -> None:
        variable = self.fresh("v")
        if "default" in field:
            default = self.constant(field["default"])
            self.emit(indent, f"{variable} = r.get({field['name']!r}, {default})")
        else:
            self.emit(indent, f"{variable} = r[{field['name']!r}]")
        self.value(indent, field["type"], variable)

    def value(self, indent: int, node: Any, given: str) -> None:
        if _is_time(node):
            self.emit(indent, f"o += time_bytes({given})")
            return
        node = self.resolve(node)
        if isinstance(node, list):
            self.union(indent, node, given)
        elif isinstance(node, str):
            self.primitive(indent, node, given)
        elif node["type"] == "record":
            self.emit(indent, f"{_function(node['name'])}({given}, o)")
        elif node["type"] == "enum":
            symbols = self.constant({symbol: index * 2 for index, symbol in enumerate(node["symbols"])})
            self.emit(indent, f"o.append({symbols}[{given}])")
        elif node["type"] in ("array", "map"):
            self.blocks(indent, node, given)
        else:
            raise NotImplementedError(f"Avro type {node['type']}")

    def primitive(self, indent: int, kind: str, given: str) -> None:
        if kind == "boolean":
            self.emit(indent, f"if {given} is not True and {given} is not False:")
            self.emit(
                indent, f"    raise TypeError('no boolean: {{!r}}'.format({given}))", f"o.append({given})"
            )
        elif kind in ("int", "long"):
            self.emit(indent, f"o += long_bytes({given})")
        elif kind == "double":
            self.emit(indent, f"o += pack_double({given})")
        elif kind == "string":
            self.emit(indent, f"s = {given}.encode()", "o += size_bytes(len(s))", "o += s")
        elif kind != "null":
            raise NotImplementedError(f"Avro type {kind}")

    def union(self, indent: int, branches: list[Any], given: str) -> None:
        resolved = [self.resolve(branch) for branch in branches]
        records = [node for node in resolved if isinstance(node, dict) and node["type"] == "record"]
        others = [node for node in resolved if node != "null"]
        if "null" in resolved:
            self.emit(indent, f"if {given} is None: o.append({resolved.index('null') * 2})", "else:")
            indent += 1
        if len(others) == 1:
            self.emit(indent, f"o.append({resolved.index(others[0]) * 2})")
            self.value(indent, others[0], given)
        elif len(records) == len(others):
            tags = self.constant(
                {node["name"]: index * 2 for index, node in enumerate(resolved) if node != "null"}
            )
            writers = self.constant(_Later(self.names, [node["name"] for node in records]))
            self.emit(indent, f"o.append({tags}[{given}[0]])", f"{writers}[{given}[0]]({given}[1], o)")
        else:
            raise NotImplementedError("a union of several types that are not all records")

    def blocks(self, indent: int, node: Schema, given: str) -> None:
        item, key = self.fresh("e"), self.fresh("k")
        mapping = node["type"] == "map"
        self.emit(indent, f"if {given}:", f"    o += size_bytes(len({given}))")
        self.emit(
            indent + 1, f"for {key}, {item} in {given}.items():" if mapping else f"for {item} in {given}:"
        )
        if mapping:
            self.primitive(indent + 2, "string", key)
        self.value(indent + 2, node["values" if mapping else "items"], item)
        self.emit(indent, "o.append(0)")


class _Later(dict[str, Writer]):
    """Record name -> its generated function, looked up when it is first needed."""

    def __init__(self, names: dict[str, Any], records: list[str]) -> None:
        super().__init__()
        self._names, self._records = names, records

    def __missing__(self, record: str) -> Writer:
        if record not in self._records:
            raise KeyError(record)
        self[record] = self._names[_function(record)]
        return self[record]
