"""A faster `wire.Encoder` for conversation events.

Where the writers are machine code, the whole event is one call of them. As plain Python, it compiles a writer
for each shape of event. Most fields of most events hold their default. A *shape* is the kind of a body and
the set of fields given. The writer of a shape writes the bytes of all other fields as constants. The number
of writers is bounded, because strangers may choose the fields (docs/decisions/0020).

The bytes are the same as those of `wire.Encoder` in both ways.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from plaudit_schemas.codec.avro_types import named_types, standalone
from plaudit_schemas.codec.catalog import Schema, packaged_id, parse, schema_text
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.header import HEADER_BYTES, header_of
from plaudit_schemas.codec.held import made_at
from plaudit_schemas.codec.record_writer import (
    WRITER_NAMES,
    Writer,
    compile_writer,
    compile_writers,
    text_lines,
)
from plaudit_schemas.codec.varint import append_long, append_size, long_bytes, varint_bytes
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.errors import EncodingError, raise_interrupt

_MAX_SHAPES: Final = 512
_MAX_ORDERS: Final = 1024
_ENVELOPE: Final = (
    "held_ms", "event_id", "application", "conversation_id", "occurred_at", "producer", "sequence", "source",
    "body",
)  # fmt: skip

_NULL: Final = b"\0"

Write = Callable[[Record, bytearray], None]


class EventEncoder:
    """Encodes validated events, with the packaged schema id until `use_id` gives another one.

    Not thread-safe, except for `use_id`.
    """

    def __init__(self, *, reserve_held: bool = False) -> None:
        """Compiles the writers of all bodies.

        Args:
            reserve_held: write the time of making into events without `held_ms`, for `held.with_held`.
        """
        schema, self._writers, is_machine_code = _event_writers()
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        if tuple(fields) != _ENVELOPE:
            raise NotImplementedError("the envelope has changed; change EventEncoder too")
        self._reserve_held = reserve_held
        self.use_id(packaged_id("conversation_event"))
        self._types = named_types(schema)
        self._sources = {symbol: long_bytes(at) for at, symbol in enumerate(fields["source"]["symbols"])}
        self._tags = {
            (node if isinstance(node, str) else node["name"]): long_bytes(at)
            for at, node in enumerate(fields["body"])
        }
        self._write_event = self._writers[schema["name"]]
        self._write = self._write_whole if is_machine_code else self._write_by_shape
        self._shapes: dict[tuple[str, ...], Write] = {}
        self._orders: dict[tuple[str, ...], Write] = {}
        self._late = (-1, b"")

    def use_id(self, schema_id: int) -> None:
        """Write this schema id from the next event on. Thread-safe."""
        self._header = header_of(schema_id)

    def encode(self, record: Record) -> bytes:
        """Encode one event.

        Raises:
            EncodingError: the record does not fit the schema.
        """
        out = bytearray(self._header)
        try:
            self._write(record, out)
        except EncodingError:
            raise
        except Exception as error:  # a record that does not fit can raise almost any error
            raise_interrupt(error)
            problem = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise EncodingError(f"the event does not fit its schema: {problem}; check its fields") from error
        return bytes(out)

    def _write_whole(self, record: Record, out: bytearray) -> None:
        name = record["body"][0]
        if name not in self._tags:
            raise _no_body(name)
        record["source"]  # which the schema gives a default for readers alone
        self._write_event(record, out)
        if self._reserve_held and record.get("held_ms") is None:
            out[HEADER_BYTES : HEADER_BYTES + 1] = made_at(time.time_ns() // 1_000_000)

    def _write_by_shape(self, record: Record, out: bytearray) -> None:
        name, body = record["body"]
        write = self._orders.get((name, *body)) or self._write_of(name, body)
        held = record.get("held_ms")
        if held is not None:
            out += b"\2" + long_bytes(held)
        else:
            out += made_at(time.time_ns() // 1_000_000) if self._reserve_held else _NULL
        self._envelope(record, out)
        out += self._tags[name]
        write(body, out)

    def _envelope(self, record: Record, out: bytearray) -> None:
        for text in (record["event_id"], record["application"], record["conversation_id"]):
            data = text.encode()
            append_size(out, len(data))
            out += data
        out += self._moment(record["occurred_at"])
        producer, sequence = record.get("producer"), record.get("sequence")
        if producer is None:
            out.append(0)
        else:
            out.append(2)
            data = producer.encode()
            append_size(out, len(data))
            out += data
        if sequence is None:
            out.append(0)
        else:
            out.append(2)
            append_long(out, sequence)
        out += self._sources[record["source"]]

    def _moment(self, micros: int) -> bytes:
        """The varint of a time. All bytes but the first three stay the same for a second and are cached."""
        early = micros << 1 & 0x1FFFFF
        late = micros >> 20
        if late <= 0:  # around or before 1970
            return long_bytes(micros)
        if late != self._late[0]:
            self._late = (late, varint_bytes(late))
        return bytes((early & 127 | 128, early >> 7 & 127 | 128, early >> 14 | 128)) + self._late[1]

    def _write_of(self, name: str, body: Record) -> Write:
        """The writer for a body whose fields have not come in this order before."""
        definition = self._types.get(name) if name in self._tags else None
        if definition is None:
            raise _no_body(name)
        # In the order of the schema, so that bodies with the same fields share a writer.
        shape = (name, *(field["name"] for field in definition["fields"] if field["name"] in body))
        write = self._shapes.get(shape)
        if write is None:
            if len(self._shapes) >= _MAX_SHAPES:
                return self._writers[name]  # compiles nothing more; see docs/decisions/0020
            write = self._shapes[shape] = self._writer(definition, frozenset(shape))
        if len(self._orders) < _MAX_ORDERS:
            self._orders[(name, *body)] = write
        return write

    def _writer(self, definition: Schema, given: frozenset[str]) -> Write:
        """Compile the writer of a shape: inline code for texts, constants, and calls for all other fields."""
        out, constant = Emitter(**WRITER_NAMES), bytearray()
        with out.block("def write(r, o):"):
            for field in definition["fields"]:
                if field["name"] not in given and "default" in field:
                    self._field_writer(field)({}, constant)
                    continue
                if constant:
                    out.line(f"o += {bytes(constant)!r}")
                    constant.clear()
                self._field(out, field)
            out.line(f"o += {bytes(constant)!r}")
        write: Write = out.compile("a shape of an event")["write"]
        return write

    def _field(self, out: Emitter, field: Any) -> None:
        nullable = field["type"] == ["null", "string"]
        if field["type"] != "string" and not nullable:
            out.line(f"{out.bind(self._field_writer(field), 'write')}(r, o)")
            return
        out.line(f"s = r[{field['name']!r}]")
        if not nullable:
            out.line(*text_lines("s"))
            return
        out.line("if s is None: o.append(0)")
        with out.block("else:"):
            out.line("o.append(2)", *text_lines("s"))

    def _field_writer(self, field: Any) -> Write:
        part = {"type": "record", "name": "Part", "fields": [field]}
        return compile_writer(standalone(part, self._types))


@cache
def _event_writers() -> tuple[Schema, dict[str, Writer], bool]:
    """The schema of events, the writers of its records, and whether these are machine code."""
    schema = parse(schema_text("conversation_event"), plain_longs=True)
    return (schema, *compile_writers(schema))


def _no_body(name: Any) -> EncodingError:
    return EncodingError(f"the schema has no body {name}")
