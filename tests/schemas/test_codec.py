"""The codec against fastavro, and against bytes that are no event."""

import io
import json
import tracemalloc
from typing import Any, get_args
from unittest.mock import Mock

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plaudit_schemas.codec import wire
from plaudit_schemas.codec.avro_types import named_types
from plaudit_schemas.codec.catalog import SchemaName, packaged_id, parse, schema_text
from plaudit_schemas.codec.header import schema_id_of
from plaudit_schemas.codec.record_reader import compile_reader
from plaudit_schemas.codec.record_writer import compile_writer
from plaudit_schemas.codec.varint import long_bytes, read_long
from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas
from plaudit_schemas.errors import (
    BadMagicError,
    CodecError,
    EncodingError,
    TrailingBytesError,
    TruncatedError,
    UnknownBodyError,
    UnknownSchemaError,
)
from plaudit_schemas.examples import examples

from tests.support.services import rounds

NAMES: tuple[SchemaName, ...] = get_args(SchemaName)


def values(node: Any, names: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A strategy for data of an Avro type, records of unions as (name, dict)."""
    if isinstance(node, str) and node in names:
        node = names[node]
    if isinstance(node, list):
        records = [branch for branch in node if isinstance(branch, dict) and branch["type"] == "record"]
        return st.one_of(
            [
                st.tuples(st.just(branch["name"]), values(branch, names))
                if len(records) > 1 and branch in records
                else values(branch, names)
                for branch in node
            ]
        )
    if isinstance(node, dict):
        kind = node["type"]
        if kind == "record":
            return st.fixed_dictionaries(
                {field["name"]: values(field["type"], names) for field in node["fields"]}
            )
        if kind == "enum":
            return st.sampled_from(node["symbols"])
        if kind == "array":
            return st.lists(values(node["items"], names), max_size=3)
        if kind == "map":
            return st.dictionaries(st.text(max_size=3), values(node["values"], names), max_size=3)
        return values(kind, names)
    return {
        "null": st.none(),
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "double": st.floats(allow_nan=False),
        "string": st.text(max_size=80),
    }[node]


def _records(name: SchemaName) -> tuple[Any, st.SearchStrategy[Any]]:
    schema = parse(schema_text(name), plain_longs=True)

    return schema, values(schema, named_types(schema))


@pytest.mark.parametrize("name", NAMES)
def test_compiled_functions_do_what_fastavro_does(name: SchemaName) -> None:
    schema, records = _records(name)
    read, read_sparse = compile_reader(schema), compile_reader(schema, sparse=True)
    write = compile_writer(schema)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(records)
    def check(record: dict[str, Any]) -> None:
        expected = io.BytesIO()
        fastavro.schemaless_writer(expected, schema, record)
        ours = bytearray()
        write(record, ours)
        assert bytes(ours) == expected.getvalue()
        expected.seek(0)
        again = fastavro.schemaless_reader(
            expected, schema, None, return_record_name=True, return_record_name_override=True
        )
        assert read(bytes(ours), 0) == (again, len(ours))
        sparse, _ = read_sparse(bytes(ours), 0)
        rewritten = bytearray()
        write(sparse, rewritten)
        assert rewritten == ours

    check()


@given(st.integers(-(2**63), 2**63 - 1))
def test_longs_round_trip(number: int) -> None:
    encoded = long_bytes(number)
    assert read_long(encoded, 0) == (number, len(encoded))


@given(st.binary(min_size=9, max_size=9), st.integers(2, 255))
def test_a_number_past_64_bits_is_refused(head: bytes, last: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        read_long(bytes(byte | 0x80 for byte in head) + bytes([last, 0]), 0)


def _damage(data: st.DataObject, payload: bytes) -> bytes:
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(5, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        hostile = long_bytes(data.draw(st.sampled_from([-1, -(2**40), 2**20, 2**40, 2**62])))
        at = data.draw(st.integers(5, len(damaged)))
        damaged[at : at + 1] = hostile
    return bytes(damaged[: data.draw(st.integers(0, len(damaged)))])


class _LikeOurs(PackagedSchemas):
    """A registry whose id 77 is our schema with int for long: the same bytes, read by resolution."""

    def __init__(self, name: SchemaName) -> None:
        self._text = schema_text(name).replace('"long"', '"int"')

    def text_of(self, schema_id: int) -> str:
        return self._text if schema_id == 77 else super().text_of(schema_id)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("resolved", [False, True], ids=["unresolved", "resolved"])
def test_damaged_bytes_raise_nothing_but_codec_errors_and_take_little_memory(
    name: SchemaName, resolved: bool
) -> None:
    shown = [example.payload for example in examples(name)]
    decoders = [Decoder(name, _LikeOurs(name), sparse=sparse) for sparse in (False, True)]

    @settings(max_examples=rounds(150, 30), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        damaged = _damage(data, data.draw(st.sampled_from(shown)))
        if resolved:
            damaged = b"\0\0\0\0\x4d" + damaged[5:]
        for decoder in decoders:
            try:
                decoder.decode(damaged)
            except CodecError as error:
                assert len(str(error)) < 500

    tracemalloc.start()
    try:
        check()
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_schema_that_differs_in_its_documentation_alone_needs_no_resolution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved: list[Any] = []
    real = fastavro.schemaless_reader

    def noted(*arguments: Any, **options: Any) -> Any:
        resolved.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr("plaudit_schemas.codec.wire.schemaless_reader", noted)
    documented = _Newer(lambda document: document.update(doc="other words"))
    payload = b"\0\0\0\0\x4d" + _payload()[5:]
    expected = Decoder("conversation_event").decode(_payload())
    assert Decoder("conversation_event", documented).decode(payload) == expected
    assert resolved == []
    assert Decoder("conversation_event", _LikeOurs("conversation_event")).decode(payload) == expected
    assert len(resolved) == 1


def test_each_schema_is_compiled_once_for_all_decoders_and_records(monkeypatch: pytest.MonkeyPatch) -> None:
    compilers = {name: Mock(wraps=getattr(wire, name)) for name in ("compile_reader", "compile_writer")}
    for name, compiler in compilers.items():
        monkeypatch.setattr(wire, name, compiler)
    wire._reader_of.cache_clear()
    wire._writer_of.cache_clear()
    payload = b"\0\0\0\0\x4d" + _payload()[5:]
    for _ in range(3):
        decoder = Decoder("conversation_event", _LikeOurs("conversation_event"), sparse=True)
        assert decoder.decode(payload) == decoder.decode(_payload())
    # A record that is resolved is written and read again, to leave out what a sparse one leaves out.
    assert {name: compiler.call_count for name, compiler in compilers.items()} == {
        "compile_reader": 1, "compile_writer": 1
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_of_every_example_is_refused(name: SchemaName) -> None:
    decoder = Decoder(name)
    for example in examples(name):
        for end in range(len(example.payload)):
            with pytest.raises(TruncatedError):
                decoder.decode(example.payload[:end])


def _payload() -> bytes:
    return next(iter(examples("conversation_event"))).payload


def test_every_kind_of_damage_has_its_error() -> None:
    decoder, good = Decoder("conversation_event"), _payload()
    damages: list[tuple[bytes, type[CodecError], str]] = [
        (b"", TruncatedError, "empty"),
        (b"\0\0", TruncatedError, "header"),
        (b'{"json": 1}', BadMagicError, "first byte is 123"),
        (b"\0\0\0\0\x07" + good[5:], UnknownSchemaError, "PLAUDIT_SCHEMA_REGISTRY_URL"),
        (
            b"\0" + packaged_id("metric_snapshot").to_bytes(4, "big") + good[5:],
            UnknownSchemaError,
            "MetricSnapshot",
        ),
        (good[:-1], TruncatedError, "follow"),
        (good + b"!", TrailingBytesError, "1 bytes are left"),
        (good[:5] + b"\2" + b"\xff" * 12, TruncatedError, "longer than 64 bits"),
        (good[:6] + long_bytes(2**40), TruncatedError, "above 2 GiB"),
    ]
    for payload, error, words in damages:
        with pytest.raises(error, match=words):
            decoder.decode(payload)


def test_decode_many_gives_each_its_outcome() -> None:
    good = _payload()
    outcomes = Decoder("conversation_event").decode_many([good, None, b"x", good])
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "dict",
        "TruncatedError",
        "BadMagicError",
        "dict",
    ]


def test_a_record_that_does_not_fit_is_refused_with_its_field() -> None:
    record = next(iter(examples("metric_snapshot"))).record
    with pytest.raises(EncodingError, match="window_seconds"):
        Encoder("metric_snapshot").encode(
            {key: value for key, value in record.items() if key != "window_seconds"}
        )
    with pytest.raises(EncodingError, match="check its fields"):
        Encoder("metric_snapshot").encode({**record, "model": 7})
    for figure in ({"value": "x"}, {"count": None}, {"count": 2**63}, {"name": "\ud800"}, {"low": 10**400}):
        with pytest.raises(EncodingError, match="check its fields"):
            Encoder("metric_snapshot").encode({**record, "figures": [{**record["figures"][0], **figure}]})
    bodies: list[Any] = [(), None, ("plaudit.v1.Wave", {}), ("plaudit.v1.AddMessage", {})]
    for body in bodies:
        with pytest.raises(EncodingError, match="check its fields"):
            Encoder("conversation_event").encode({**_example_of("AddMessage"), "body": body})


class _Newer(PackagedSchemas):
    """A registry that knows one later version of our event."""

    def __init__(self, change: Any) -> None:
        document = json.loads(schema_text("conversation_event"))
        change(document)
        self.text = json.dumps(document)

    def text_of(self, schema_id: int) -> str:
        return self.text if schema_id == 77 else super().text_of(schema_id)


def _written(newer: _Newer, record: dict[str, Any]) -> bytes:
    out = bytearray(b"\0\0\0\0\x4d")
    compile_writer(parse(newer.text, plain_longs=True))(record, out)
    return bytes(out)


def _example_of(body: str) -> dict[str, Any]:
    decoder = Decoder("conversation_event")
    records = [decoder.decode(example.payload) for example in examples("conversation_event")]
    return next(record for record in records if record["body"][0] == f"plaudit.v1.{body}")


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_newer_writers_field_is_dropped_and_its_body_refused(sparse: bool) -> None:
    def add_field(document: Any) -> None:
        document["fields"].append({"name": "region", "type": "string"})

    newer = _Newer(add_field)
    record = _example_of("AddMessage")
    decoder = Decoder("conversation_event", newer, sparse=sparse)
    expected = Decoder("conversation_event", sparse=sparse).decode(
        Encoder("conversation_event").encode(record)
    )
    assert decoder.decode(_written(newer, {**record, "region": "eu"})) == expected

    def add_body(document: Any) -> None:
        document["fields"][-1]["type"].append({"type": "record", "name": "Wave", "fields": []})

    newer = _Newer(add_body)
    decoder = Decoder("conversation_event", newer, sparse=sparse)
    assert decoder.decode(_written(newer, record)) == expected
    with pytest.raises(UnknownBodyError, match="upgrade the readers"):
        decoder.decode(_written(newer, {**record, "body": ("plaudit.v1.Wave", {})}))


def test_a_newer_writers_enum_symbol_reads_as_unknown() -> None:
    def add_role(document: Any) -> None:

        named_types(document)["Role"]["symbols"].append("critic")

    newer = _Newer(add_role)
    record = _example_of("AddMessage")
    record["body"][1]["role"] = "critic"
    decoded = Decoder("conversation_event", newer).decode(_written(newer, record))
    assert decoded["body"][1]["role"] == "unknown"


def test_an_older_writers_record_gets_the_defaults_of_what_it_lacks() -> None:
    def remove_fields(document: Any) -> None:

        fields = named_types(document)["AddMessage"]["fields"]
        fields[:] = [field for field in fields if field["name"] not in ("reasoning", "tool_calls", "status")]

    older = _Newer(remove_fields)
    record = _example_of("AddMessage")
    decoded = Decoder("conversation_event", older).decode(_written(older, record))
    body = decoded["body"][1]
    assert (body["reasoning"], body["tool_calls"], body["status"]) == (None, [], "complete")
    assert body["content"] == record["body"][1]["content"]


def test_the_schema_id_of_a_payload() -> None:
    assert schema_id_of(_payload()) == packaged_id("conversation_event")
    assert schema_id_of(b"\0\0") is None
    assert schema_id_of(b"{}...") is None
