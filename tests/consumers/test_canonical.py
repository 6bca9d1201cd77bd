"""Canonical rows hold everything that the record held."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_consumers.rows.canonical import Recorded, conversations
from plaudit_consumers.rows.schemas import CONVERSATIONS, SCHEMAS
from plaudit_schemas.codec import Decoder
from plaudit_schemas.examples import examples

from tests.consumers.builders import canonical, chat, like, said

Node = Any


def _table() -> Any:
    decoder = Decoder("finished_conversation", sparse=True)
    shown = examples("finished_conversation")
    return conversations(
        [Recorded(decoder.decode(example.payload), 40 + at, 5_000) for at, example in enumerate(shown)]
    )


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
