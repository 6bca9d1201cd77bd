"""Canonical rows hold everything that the record held."""

import json
import random
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastavro.utils import generate_many
from plaudit_consumers.rows.canonical import canonical_table
from plaudit_consumers.rows.canonical_reader import RECORD, CanonicalReader
from plaudit_consumers.rows.column_reader import ColumnReader
from plaudit_consumers.rows.payload_reader import column_source
from plaudit_consumers.rows.schemas import CONVERSATIONS, SCHEMAS
from plaudit_schemas.codec.catalog import schema_text
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, PackagedSchemas
from plaudit_schemas.examples import examples
from plaudit_schemas.kafka.record import KafkaRecord

from harness.finished import finished_conversations
from tests.consumers.builders import READER, canonical, check_damaged, kafka_records
from tests.support.finished import chat, comparison, encoded, finished, like, said

Node = Any


def _table() -> Any:
    payloads = (example.payload for example in examples("finished_conversation"))
    return READER.read_table(kafka_records(payloads, first=40, timestamp=5_000))


def _by_dicts(records: list[KafkaRecord]) -> Any:
    """The same by way of a dict for each record."""
    decoder = Decoder("finished_conversation", sparse=True)
    return canonical_table([(record, decoder.decode(record.value or b"")) for record in records])


def test_columns_and_dicts_come_to_the_same() -> None:
    payloads = [example.payload for example in examples("finished_conversation")]
    judged = chat(
        said("a", "label", {"labels": ["x", "y"]}),
        said("a", "signal", {"name": "ignored"}),
        *(like("a", vote) for vote in (True, False)),
        {**like("a"), "event_id": "e1"},
        comparisons=[comparison([["a", "b"], ["c"]], event_id="e2")],
        tags={"license": "MIT", "é": "😀"},
    )
    payloads += [encoded(each) for each in (chat(), judged, finished(), chat(erased=True))]
    payloads += [payload for _, payload in finished_conversations(200, partitions=4)]
    records = kafka_records(payloads)
    assert READER.read_table(records).equals(_by_dicts(records))
    assert READER.read_table(records[:1]).equals(_by_dicts(records[:1]))
    assert READER.read_table([]).num_rows == 0


@pytest.mark.slow
def test_columns_come_alike_as_machine_code_and_as_plain_python() -> None:
    """Two readers of each kind take turns: what one has read must not reach the other."""
    fast, plain, other_fast, other_plain = (column_source("finished_conversation") for _ in range(4))
    for source in (plain, other_plain):
        source.emitter.declarations.clear()  # what plain Python does not read, and machine code needs
    readers = [ColumnReader(source) for source in (fast, plain, other_fast, other_plain)]
    assert not plain.emitter.is_machine_code
    rng = random.Random(3)
    payloads = [payload for _, payload in finished_conversations(60, partitions=4)]
    payloads += [example.payload for example in examples("finished_conversation")]
    for payload in payloads:
        cut, flipped = rng.randrange(HEADER_BYTES, len(payload)), bytearray(payload)
        flipped[cut] ^= 1 << rng.randrange(8)
        for batch in ([payload, payloads[0]], [payload[:cut], payload], [payload, bytes(flipped)]):
            found = [_columns(reader, batch) for reader in readers]
            assert all(one == found[0] for one in found)


def _columns(reader: ColumnReader, batch: list[bytes]) -> Any:
    try:
        return reader.read_structs(batch, HEADER_BYTES, RECORD)
    except ValueError:
        return "refused"


@pytest.mark.slow
def test_damaged_bytes_are_refused_where_the_decoder_refuses_them() -> None:
    payloads = [example.payload for example in examples("finished_conversation")]
    payloads += [encoded(chat(said("a", "label", {"labels": ["x"]}), tags={"a": "b"}))]
    check_damaged(payloads, Decoder("finished_conversation"), READER, _by_dicts, seed=5)


def test_an_older_writers_record_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = json.loads(schema_text("finished_conversation"))
    schema["fields"] = [
        field for field in schema["fields"] if field["name"] not in ("tags", "missing_events")
    ]

    class Older(PackagedSchemas):
        def text_of(self, schema_id: int) -> str:
            return json.dumps(schema) if schema_id == 7 else super().text_of(schema_id)

    out = BytesIO()
    record = chat(like("a"))
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    payloads = [b"\0\0\0\0\7" + out.getvalue(), encoded(record)]
    table = CanonicalReader(Decoder("finished_conversation", Older())).read_table(kafka_records(payloads))
    rows = table.drop_columns(["record_offset"]).to_pylist()
    assert rows[0] == rows[1]


def _as_record(node: Node) -> Node:
    """A row without what holds nothing, its map-like lists and times back to what the example says."""
    if isinstance(node, list):
        if node and all(isinstance(item, dict) and set(item) == {"key", "value"} for item in node):
            return {item["key"]: item["value"] for item in node}
        return [_as_record(item) for item in node]
    if isinstance(node, dict):
        thin = {key: _as_record(value) for key, value in node.items()}
        return {key: value for key, value in thin.items() if value not in (None, [], {})}
    return int(node.timestamp() * 1_000_000 + 0.5) if hasattr(node, "timestamp") else node


def test_examples_are_held_whole() -> None:
    rows = [_as_record(row) for row in _table().to_pylist()]
    for example, row in zip(examples("finished_conversation"), rows, strict=True):
        expected = _as_record(example.record)
        judgements = row.pop("feedback", []), expected.pop("feedback", [])
        assert row.pop("recorded_at") == 5_000_000
        assert row.pop("record_offset") in (40, 41)
        assert row == expected
        for found, item in zip(*judgements, strict=True):
            value = item["feedback"].pop("value")[1]
            value["thumb"] = value.pop("like", None)
            said_ = {**item["feedback"], **_as_record(value), "occurred_at": item["occurred_at"]}
            assert found == said_ | ({"message_id": "m2"} if "message_id" in item else {})


def test_no_list_is_null_and_the_file_keeps_the_schema(tmp_path: Any) -> None:
    table = _table()
    table.validate(full=True)
    assert table.schema.equals(CONVERSATIONS)

    def check(array: Any) -> None:
        if pa.types.is_struct(array.type):
            for child in array.flatten():
                if not pa.types.is_list(child.type) or array.null_count == 0:
                    check(child)
        elif pa.types.is_list(array.type):
            assert array.null_count == 0
            check(array.flatten())

    for column in table.columns:
        check(column.combine_chunks())
    pq.write_table(table, tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet").equals(table)


def test_values_lie_in_columns_of_their_kind() -> None:
    row = canonical(
        chat(
            said("a", "label", {"labels": ["x", "y"]}),
            said("a", "text", {"text": " t "}),
            said("a", "correction", {"content": "c"}),
            said("a", "signal", {"name": "dwell_seconds", "number": 2.5}),
            like(None, False),
        )
    ).to_pylist()[0]
    assert [item["kind"] for item in row["feedback"]] == ["label", "text", "correction", "signal", "thumb"]
    assert row["feedback"][0]["labels"] == ["x", "y"]
    assert row["feedback"][1]["text"] == " t "
    assert row["feedback"][2]["correction"] == "c"
    assert (row["feedback"][3]["signal"], row["feedback"][3]["signal_number"]) == ("dwell_seconds", 2.5)
    assert row["feedback"][4]["thumb"] is False


def test_licence_comes_from_the_tags_else_from_the_setting() -> None:
    tagged = chat(tags={"license": "MIT"})
    assert canonical(tagged, chat(), licence="CC0").column("licence").to_pylist() == ["MIT", "CC0"]


def test_no_subset_has_a_map_or_a_nanosecond() -> None:
    for schema in SCHEMAS.values():
        assert "map<" not in str(schema)
        assert "timestamp[ns" not in str(schema)


def test_every_field_of_the_schema_comes_out_alike_by_columns_and_by_dicts() -> None:
    schema = fastavro.parse_schema(json.loads(schema_text("finished_conversation")))
    random.seed(7)
    header = encoded(chat())[:HEADER_BYTES]
    payloads = []
    for record in generate_many(schema, 60):
        for each in record["feedback"]:  # `signal` repeats the name of a value of that kind
            each["feedback"]["signal"] = (each["feedback"]["value"] or {}).get("name")
        body = BytesIO()
        fastavro.schemaless_writer(body, schema, record)
        payloads.append(header + body.getvalue())
    records = kafka_records(payloads)
    table = READER.read_table(records)
    assert table.equals(_by_dicts(records))
    assert list(_empty_columns(table)) == ["licence"]  # it comes from the tags


def _empty_columns(table: Any) -> Iterator[str]:
    """The columns, also within structs and lists, that hold nothing but nulls."""
    for name in table.column_names:
        yield from _empty(name, table[name].combine_chunks())


def _empty(path: str, array: Any) -> Iterator[str]:
    if pa.types.is_list(array.type):
        yield from _empty(f"{path}[]", array.flatten())
    elif pa.types.is_struct(array.type):
        for field in array.type:
            yield from _empty(f"{path}.{field.name}", array.field(field.name))
    elif array.null_count == len(array):
        yield path
