"""`codec.Encoder` for conversation events at volume: a writer for each shape that events really have.

Most fields of most events hold their default. A *shape* is the body's kind and the fields given;
its writer puts the bytes of all other fields there as constants. The bytes equal `codec.Encoder`'s, which
tests hold it to. What is made and kept is bounded, as strangers may choose the fields (docs/decisions/0020).
"""

from collections.abc import Callable
from typing import Any

from plaudit_schemas.catalog import Schema, parse, schema_text
from plaudit_schemas.codec import Record, SchemaSource
from plaudit_schemas.compiled import compile_writer, long_bytes
from plaudit_schemas.errors import EncodingError

_MAX_SHAPES, _MAX_ORDERS = 512, 1024
_ENVELOPE = (
    "event_id", "application", "conversation_id", "occurred_at", "producer", "sequence", "source", "body",
)  # fmt: skip

Write = Callable[[Record, bytearray], None]


class EventEncoder:
    """Writes validated events. Not for concurrent use by threads: the pipeline locks."""

    def __init__(self, schemas: SchemaSource) -> None:
        schema = parse(schema_text("conversation_event"), plain_longs=True)
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        if tuple(fields) != _ENVELOPE:
            raise NotImplementedError("the envelope changed: _encode must follow")
        self._schemas = schemas
        self._header = b""
        self._types = _named_types(schema)
        sources = fields["source"]["symbols"]
        self._sources = {symbol: long_bytes(index) for index, symbol in enumerate(sources)}
        self._tags = {
            (node if isinstance(node, str) else node["name"]): long_bytes(index)
            for index, node in enumerate(fields["body"])
        }
        self._bodies = {
            name: compile_writer(_inlined(self._types[name], self._types, set())) for name in self._tags
        }
        self._shapes: dict[tuple[str, ...], Write] = {}
        self._orders: dict[tuple[str, ...], Write] = {}
        self._late = (-1, b"")
        self._sizes = tuple(long_bytes(size) for size in range(4096))

    def use_id(self, schema_id: int) -> None:
        """Write this id from the next event on, and ask no source for one. May come from any thread."""
        self._header = b"\0" + schema_id.to_bytes(4, "big")

    def encode(self, record: Record) -> bytes:
        """One event as bytes.

        Raises:
            EncodingError: the record does not fit the schema.
            RegistryError: the source gave no id (first call only).
        """
        if not self._header:
            self.use_id(self._schemas.id_of("conversation_event"))
        name, body = record["body"]
        write = self._orders.get((name, *body)) or self._write_of(name, body)
        out = bytearray(self._header)
        try:
            self._envelope(record, out)
            out += self._tags[name]
            write(body, out)
        except Exception as error:  # a record that does not fit raises nearly anything
            problem = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise EncodingError(f"the event does not fit its schema: {problem}; check its fields") from error
        return bytes(out)

    def _envelope(self, record: Record, out: bytearray) -> None:
        sizes = self._sizes
        for text in (record["event_id"], record["application"], record["conversation_id"]):
            data = text.encode()
            out += sizes[len(data)]
            out += data
        out += self._moment(record["occurred_at"])
        producer, sequence = record.get("producer"), record.get("sequence")
        if producer is None:
            out.append(0)
        else:
            data = producer.encode()
            out.append(2)
            out += sizes[len(data)]
            out += data
        if sequence is None:
            out.append(0)
        else:
            out.append(2)
            out += sizes[sequence] if sequence < 4096 else long_bytes(sequence)
        out += self._sources[record["source"]]

    def _moment(self, micros: int) -> bytes:
        """A varint whose late bytes, all but the lowest 21 bits, are the same for a second."""
        early = micros << 1 & 0x1FFFFF
        late = micros >> 20
        if late <= 0:
            return long_bytes(micros)
        if late != self._late[0]:
            # An even number keeps zigzag out of it.
            self._late = (late, _varint(late))
        return bytes((early & 127 | 128, early >> 7 & 127 | 128, early >> 14 | 128)) + self._late[1]

    def _write_of(self, name: str, body: Record) -> Write:
        """The writer of a body whose fields were not met in this order yet."""
        definition = self._types.get(name) if name in self._tags else None
        if definition is None:
            raise EncodingError(f"the schema has no body {name}")
        shape = (name, *(field["name"] for field in definition["fields"] if field["name"] in body))
        write = self._shapes.get(shape)
        if write is None:
            if len(self._shapes) >= _MAX_SHAPES:
                return self._bodies[name]
            write = self._shapes[shape] = self._writer(definition, frozenset(shape))
        if len(self._orders) < _MAX_ORDERS:
            self._orders[(name, *body)] = write
        return write

    def _writer(self, definition: Schema, given: frozenset[str]) -> Write:
        """Source for one shape: plain texts in line, runs of constants, compiled writers for the rest."""
        names: dict[str, Any] = {"sizes": self._sizes, "long_bytes": long_bytes}
        lines, constant = ["def write(r, o):"], bytearray()
        for number, field in enumerate(definition["fields"]):
            key, text = field["name"], _TEXTS.get(str(field["type"]))
            if key not in given and "default" in field:
                self._compiled(field)({}, constant)
                continue
            if constant:
                lines.append(f"    o += {bytes(constant)!r}")
                constant.clear()
            if text is None:
                names[f"write{number}"] = self._compiled(field)
                lines.append(f"    write{number}(r, o)")
            else:
                lines += [f"    s = r[{key!r}]", *text]
        lines.append(f"    o += {bytes(constant)!r}")
        exec("\n".join(lines), names)  # noqa: S102  # our own text, made from our own schema
        write: Write = names["write"]
        return write

    def _compiled(self, field: Any) -> Write:
        part = {"type": "record", "name": "Part", "fields": [field]}
        return compile_writer(_inlined(part, self._types, set()))


_TEXT = (
    "s = s.encode()",
    "n = len(s)",
    "o += sizes[n] if n < 4096 else long_bytes(n)",
    "o += s",
)
_TEXTS = {
    "string": ["    " + line for line in _TEXT],
    str(["null", "string"]): [
        "    if s is None: o.append(0)",
        "    else:",
        "        o.append(2)",
        *("        " + line for line in _TEXT),
    ],
}


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _named_types(node: Any) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    if isinstance(node, list):
        for item in node:
            found |= _named_types(item)
    elif isinstance(node, dict):
        if node["type"] in ("record", "enum"):
            found[node["name"]] = node
        for key in ("fields", "items", "values", "type"):
            if isinstance(node.get(key), (list, dict)):
                found |= _named_types(node[key])
    return found


def _inlined(node: Any, types: dict[str, Schema], seen: set[str]) -> Any:
    """The node on its own: each named type is defined where it comes first."""
    if isinstance(node, str) and node in types:
        return _inlined(types[node], types, seen)
    if isinstance(node, list):
        return [_inlined(item, types, seen) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("name") if node.get("type") in ("record", "enum") else None
    if name in seen:
        return name
    if name is not None:
        seen.add(name)
    nested = ("fields", "items", "values", "type")
    return {key: _inlined(value, types, seen) if key in nested else value for key, value in node.items()}
