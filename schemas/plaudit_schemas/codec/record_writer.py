"""Encode dicts to Avro binary with Python functions that are generated once for each schema.

The counterpart of `record_reader`: a union of several records takes `(full name, dict)`, and a union of null
and one record takes a plain dict. Fields with a default may be left out.
"""

from collections.abc import Callable
from struct import Struct
from types import NoneType
from typing import Any, Final

from plaudit_schemas.codec.avro_types import runs
from plaudit_schemas.codec.catalog import Schema
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.record_functions import SHORTEST_RUN, RecordFunctions, function_name
from plaudit_schemas.codec.varint import append_long, append_size, append_time

_IMPORTS: Final = (
    "cimport cython",
    "from plaudit_schemas.codec.varint cimport append_long, append_size",
    "from plaudit_schemas.codec.varint cimport append_long as append_time",
)
_TEXT: Final = (
    "s = u.encode()",
    "n = len(s)",
    "if n < 64: o.append(n << 1)",
    "else: append_size(o, n)",
    "o += s",
)
_LITERALS: Final = (NoneType, bool, int, str)

Writer = Callable[[dict[str, Any], bytearray], None]


def _dict_of(record: Any) -> dict[str, Any]:
    """A plain dict of a record of another class."""
    if not isinstance(record, dict):
        raise TypeError(f"no record: {record!r}")
    return dict(record)


def _text_of(text: Any) -> str:
    """A plain string of a text of another class."""
    if not isinstance(text, str):
        raise TypeError(f"no text: {text!r}")
    return str.__str__(text)


WRITER_NAMES: Final[dict[str, Any]] = {
    "append_long": append_long,
    "append_size": append_size,
    "append_time": append_time,
    "pack_double": Struct("<d").pack,
    "dict_of": _dict_of,
    "text_of": _text_of,
}
"""What the lines of a writer refer to."""


def compile_writer(schema: Schema) -> Writer:
    """Generate a function that appends one record's Avro binary to a bytearray.

    The function can raise almost any error (KeyError, TypeError, struct.error, ...) if the record does not
    fit the schema. The bytes that it appended before are then useless.

    Raises:
        NotImplementedError: the schema has a type that `compile_reader` does not support, or a union of
            several types that are not all records.
    """
    writer: Writer = _WriteFunctions(schema).compile(schema["name"])
    return writer


def compile_writers(schema: Schema) -> tuple[dict[str, Writer], bool]:
    """Generate the writers of all records that a schema defines, by name.

    Returns them, and whether they are machine code. Raises as `compile_writer`.
    """
    functions = _WriteFunctions(schema)
    return functions.compile_all(), functions.emitter.is_machine_code


def text_lines(name: str) -> tuple[str, ...]:
    """The lines that append the text in variable `name` to the bytearray `o`. They need WRITER_NAMES."""
    return (f"u = {name} if type({name}) is str else text_of({name})", *_TEXT)


def writer_source(schema: Schema) -> Emitter:
    """The source of `compile_writer`, for the compiler."""
    return _WriteFunctions(schema).emitter


class _WriteFunctions(RecordFunctions):
    """In the generated lines `r` is the record, `d` the same as a dict, `o` the output, `u` a text.

    Compiled, numbers and texts are appended by functions of C.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema, **WRITER_NAMES)
        self._out.declarations = [*_IMPORTS, *self._out.declarations]

    def _add_record(self, name: str, fields: list[Any]) -> None:
        out = self._out
        with out.block(f"def {function_name(name)}(r, o):"):
            out.line("d = r if type(r) is dict else dict_of(r)")
            for run in runs(fields):
                if len(run) >= SHORTEST_RUN:
                    keys = out.bind(frozenset(field["name"] for field in run))
                    zeros = out.bind(bytes(len(run)))
                    out.line(f"if {keys}.isdisjoint(d): o += {zeros}")
                    with out.block("else:"):
                        self._add_fields(run)
                else:
                    self._add_fields(run)
        out.declarations += [
            "@cython.locals(d=dict, u=str, s=bytes, n=Py_ssize_t)",
            f"cpdef void {function_name(name)}(r, bytearray o) except *",
        ]

    def _add_fields(self, fields: list[Any]) -> None:
        out = self._out
        for field in fields:
            value, key = out.fresh("v"), repr(field["name"])
            if "default" in field:
                out.line(f"{value} = d.get({key}, {self._default(field['default'])})")
            else:
                out.line(f"{value} = d[{key}]")
            self._add_value(field["type"], value)

    def _default(self, value: Any) -> str:
        return repr(value) if type(value) in _LITERALS else self._out.bind(value)

    def _add_time(self, name: str) -> None:
        self._out.line(f"append_time(o, {name})")

    def _add_call(self, node: Schema, name: str) -> None:
        self._out.line(f"{function_name(node['name'])}({name}, o)")

    def _add_enum(self, node: Schema, name: str) -> None:
        symbols = self._out.bind({symbol: index * 2 for index, symbol in enumerate(node["symbols"])})
        self._out.line(f"o.append({symbols}[{name}])")

    def _add_primitive(self, kind: str, name: str) -> None:
        out = self._out
        if kind == "boolean":
            # `o.append` would accept any small integer.
            out.line(
                f"if {name} is not True and {name} is not False: "
                f"raise TypeError('no boolean: {{!r}}'.format({name}))"
            )
            out.line(f"o.append({name})")
        elif kind in ("int", "long"):
            out.line(f"append_long(o, {name})")
        elif kind == "double":
            out.line(f"o += pack_double({name})")
        elif kind == "string":
            out.line(*text_lines(name))
        elif kind != "null":
            raise NotImplementedError(f"Avro type {kind}")

    def _add_union(self, nodes: list[Any], name: str) -> None:
        out = self._out
        if "null" not in nodes:
            self._add_branches(nodes, name)
            return
        out.line(f"if {name} is None: o.append({nodes.index('null') * 2})")
        with out.block("else:"):
            self._add_branches(nodes, name)

    def _add_branches(self, nodes: list[Any], name: str) -> None:
        """Add lines for a value that is not None: of the only other branch, or of the record it names."""
        out = self._out
        others = [node for node in nodes if node != "null"]
        if len(others) == 1:
            out.line(f"o.append({nodes.index(others[0]) * 2})")
            self._add_value(others[0], name)
            return
        if not all(isinstance(node, dict) and node["type"] == "record" for node in others):
            raise NotImplementedError("a union of several types that are not all records")
        tags = out.bind({node["name"]: nodes.index(node) * 2 for node in others})
        writers = out.bind(_Functions(out.names, [node["name"] for node in others]))
        out.line(f"o.append({tags}[{name}[0]])", f"{writers}[{name}[0]]({name}[1], o)")

    def _add_blocks(self, node: Schema, name: str) -> None:
        """Add lines for an array or a map, with all items in one block."""
        out = self._out
        item, key = out.fresh("e"), out.fresh("k")
        is_map = node["type"] == "map"
        with out.block(f"if {name}:"):
            out.line(f"append_size(o, len({name}))")
            items = f"for {key}, {item} in {name}.items():" if is_map else f"for {item} in {name}:"
            with out.block(items):
                if is_map:
                    self._add_primitive("string", key)
                self._add_value(node["values" if is_map else "items"], item)
        out.line("o.append(0)")


class _Functions(dict[str, Writer]):
    """The functions of records by name. Looked up on first use, since they may be defined later."""

    def __init__(self, names: dict[str, Any], records: list[str]) -> None:
        super().__init__()
        self._names, self._records = names, records

    def __missing__(self, record: str) -> Writer:
        if record not in self._records:
            raise KeyError(record)
        self[record] = self._names[function_name(record)]
        return self[record]
