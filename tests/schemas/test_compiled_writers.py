"""Writers as machine code and as plain Python: the same bytes, or the same error.

Without a C compiler both are plain Python, and the tests compare the general writer with itself.
"""

from copy import deepcopy
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import plaudit_schemas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plaudit_schemas.codec import varint
from plaudit_schemas.codec.avro_types import named_types
from plaudit_schemas.codec.catalog import SchemaName, parse, schema_text
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.record_functions import function_name
from plaudit_schemas.codec.record_writer import Writer, compile_writer, writer_source
from plaudit_schemas.compiled import is_compiled
from plaudit_schemas.errors import EncodingError

from tests.schemas.test_codec import NAMES, values
from tests.schemas.test_event_encoder import ALL
from tests.support.services import rounds

JUNK: list[Any] = [
    None, True, False, 0, -1, 63, 64, 8191, 8192, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 1.5, float("inf"),
    "", "user", "\ud800", "half \udfff", "ü" * 70, "x" * 9000, b"bytes", [], [None], {}, {"a": 1}, {1: "a"},
    (), ("plaudit.v1.AddMessage", {}), ("plaudit.v1.Wave", None), {"\udc00": "\udc00"}, SimpleNamespace(),
    set(),
]  # fmt: skip
"""What fits into some places and not into others."""


class Word(str):
    """A text that is not exactly one."""

    __slots__ = ()


class Fields(dict[str, Any]):
    """A record that is not exactly a dict."""


def _plain_varint() -> ModuleType:
    path = Path(plaudit_schemas.__file__).parent / "codec" / "varint.py"
    spec = spec_from_loader("plain_varint", SourceFileLoader("plain_varint", str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = _plain_varint()


def plain_writer(schema: Any) -> Writer:
    """The writer as plain Python, even where it is compiled."""
    emitter = writer_source(schema)
    for name in ("append_long", "append_size", "append_time"):
        emitter.names[name] = getattr(PLAIN, name)
    exec(emitter.source, emitter.names)  # noqa: S102  # our own source
    writer: Writer = emitter.names[function_name(schema["name"])]
    return writer


def outcome(write: Writer, record: Any) -> bytes | str:
    """What a writer appends, or the error that it raises."""
    out = bytearray(b"header")
    try:
        write(record, out)
    except Exception as error:  # which one is the question
        return f"{type(error).__name__}: {error}"
    return bytes(out)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every dict or list within a record, with each of its keys or indexes."""
    if isinstance(node, tuple):
        return [place for each in node for place in places(each)]
    if not isinstance(node, dict | list):
        return []
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    return [(node, key) for key in keys] + [place for key in keys for place in places(node[key])]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_random_records_give_the_same_bytes(name: SchemaName) -> None:
    schema = parse(schema_text(name), plain_longs=True)
    fast, plain = compile_writer(schema), plain_writer(schema)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(schema, named_types(schema)), st.data())
    def check(record: dict[str, Any], data: st.DataObject) -> None:
        written = outcome(fast, record)
        assert isinstance(written, bytes)
        assert written == outcome(plain, record)
        left_out = data.draw(st.sets(st.sampled_from(list(record))))
        fewer = {key: value for key, value in record.items() if key not in left_out}
        assert outcome(fast, fewer) == outcome(plain, fewer)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_records_that_do_not_fit_give_the_same_error(name: SchemaName) -> None:
    schema = parse(schema_text(name), plain_longs=True)
    fast, plain = compile_writer(schema), plain_writer(schema)

    @settings(max_examples=rounds(300, 60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(schema, named_types(schema)), st.data())
    def check(record: dict[str, Any], data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 2))):
            node, key = data.draw(st.sampled_from(places(record)))
            node[key] = deepcopy(data.draw(st.sampled_from(JUNK)))  # the next change may be within it
        assert outcome(fast, record) == outcome(plain, record)

    check()


def test_what_is_no_record_is_refused_and_subclasses_are_taken() -> None:
    schema = parse(schema_text("conversation_event"), plain_longs=True)
    for write in (compile_writer(schema), plain_writer(schema)):
        assert outcome(write, None) == "TypeError: no record: None"
        assert outcome(write, [1]) == "TypeError: no record: [1]"
        assert outcome(write, {**ALL[0], "event_id": 7}) == "TypeError: no text: 7"
        assert outcome(write, Fields(ALL[0])) == outcome(write, ALL[0])
        named = {**ALL[0], "event_id": Word(ALL[0]["event_id"])}
        assert outcome(write, named) == outcome(write, ALL[0])


@given(st.integers() | st.integers(-(2**64), 2**64) | st.integers(0, 20_000) | st.sampled_from(JUNK))
def test_numbers_are_appended_in_one_way(value: Any) -> None:
    def whole(number: Any, out: bytearray) -> None:
        out += varint.long_bytes(number)

    expected = outcome(whole, value)
    for append in (varint.append_long, varint.append_time, PLAIN.append_long, PLAIN.append_time):
        out = bytearray(b"header")
        try:
            append(out, value)
        except Exception as error:  # which one is the question
            assert f"{type(error).__name__}: {error}" == expected
        else:
            assert bytes(out) == expected


@given(st.integers(0, 20_000) | st.integers(0, 1 << 40))
def test_sizes_are_appended_in_one_way(size: int) -> None:
    for module in (varint, PLAIN):
        out = bytearray()
        module.append_size(out, size)
        assert bytes(out) == varint.long_bytes(size)


@pytest.mark.slow
@given(record=st.sampled_from(ALL), data=st.data(), reserve_held=st.booleans())
def test_events_written_whole_and_by_shape_are_the_same(
    record: dict[str, Any], data: st.DataObject, reserve_held: bool
) -> None:
    whole, by_shape = EventEncoder(reserve_held=reserve_held), EventEncoder(reserve_held=reserve_held)
    whole._write, by_shape._write = whole._write_whole, by_shape._write_by_shape
    name, body = record["body"]
    left_out = data.draw(st.sets(st.sampled_from(list(body))))
    changed = {**record, "body": (name, {key: value for key, value in body.items() if key not in left_out})}
    changed["producer"] = data.draw(st.none() | st.text(max_size=100))
    changed["sequence"] = data.draw(st.none() | st.integers(0, 2**63 - 1))
    changed["held_ms"] = data.draw(st.none() | st.integers(0, 2**40))
    if data.draw(st.booleans()):
        changed["body"][1][data.draw(st.sampled_from(list(body)))] = data.draw(st.sampled_from(JUNK))
    found = []
    for encoder in (whole, by_shape):
        try:
            payload = encoder.encode(changed)
        except EncodingError as error:
            found.append(str(error).encode())
        else:
            made = reserve_held and changed["held_ms"] is None
            found.append(payload[:6] + payload[11:] if made else payload)  # without the time
    assert found[0] == found[1]


def test_the_encoder_writes_whole_events_where_the_writers_are_machine_code() -> None:
    encoder = EventEncoder()
    expected = encoder._write_whole if is_compiled() else encoder._write_by_shape
    assert encoder._write == expected


@pytest.mark.parametrize("module", [varint, PLAIN], ids=["as it runs", "plain"])
@pytest.mark.parametrize(
    "count", [-(1 << 63), -12, 12, (1 << 63) - 1], ids=["lowest", "below", "above", "highest"]
)
def test_a_block_has_no_more_items_than_the_payload_has_bytes(module: ModuleType, count: int) -> None:
    with pytest.raises(ValueError, match="more items"):
        module.read_block(varint.long_bytes(count), 0)
