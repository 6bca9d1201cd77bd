"""Rules over the packaged data: schemas, released copies, examples, topics."""

import copy
import hashlib
import json
import uuid
from importlib.resources import files
from typing import Any, get_args

import pytest
from confluent_kafka.schema_registry import Schema
from plaudit_schemas.codec.avro_types import named_types
from plaudit_schemas.codec.catalog import (
    AVRO,
    FIRST_PACKAGED_ID,
    SchemaName,
    packaged_id,
    released,
    schema_text,
)
from plaudit_schemas.codec.compatibility import findings
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.examples import examples
from plaudit_schemas.topics import API_KEYS, MODELS, RUBRICS, SCHEMA_IDS, definition, definitions

from tests.support.registry import confluent_client

NAMES: tuple[SchemaName, ...] = get_args(SchemaName)
PACKAGE = files("plaudit_schemas")


@pytest.mark.parametrize("name", NAMES)
def test_every_example_decodes_and_encodes_to_the_same_bytes(name: SchemaName) -> None:
    decoder, sparse, encoder = Decoder(name), Decoder(name, sparse=True), Encoder(name)
    shown = list(examples(name))
    assert shown
    for example in shown:
        record = decoder.decode(example.payload)
        assert json.loads(json.dumps(record)) == example.record, f"{example.title}: run `make examples`"
        assert encoder.encode(record) == example.payload, f"{example.title}: run `make examples`"
        assert encoder.encode(sparse.decode(example.payload)) == example.payload, example.title


def test_every_body_and_every_kind_of_value_has_an_example() -> None:
    schema = json.loads(schema_text("conversation_event"))
    bodies = {body["name"] for body in schema["fields"][-1]["type"]}
    kinds = set(named_types(schema)["ValueKind"]["symbols"]) - {"unknown"}
    shown = [example.record["body"] for example in examples("conversation_event")]
    assert {name.removeprefix("plaudit.v1.") for name, _ in shown} == bodies
    assert {body["feedback"]["kind"] for _, body in shown if "feedback" in body} == kinds


def test_no_file_of_data_is_an_orphan() -> None:
    avro = {path.name for path in AVRO.iterdir() if path.is_file()}
    assert avro == {f"{name}.avsc" for name in NAMES} | {"ids.yaml"}
    copies = {path.name for path in (AVRO / "released").iterdir()}
    assert copies == set(released().values()) | {"SHA256SUMS"}
    shown = {path.name for path in (PACKAGE / "examples").iterdir() if not path.name.startswith("__")}
    assert shown == {f"{name}.{ending}" for name in NAMES for ending in ("json", "hex")}
    yamls = {path.name for path in (PACKAGE / "topics").iterdir() if path.name.endswith(".yaml")}
    assert yamls == {f"{topic.name.removeprefix('plaudit.')}.yaml" for topic in definitions()}


def test_packaged_ids_are_for_good() -> None:
    first = ["conversation_event.1.avsc", "finished_conversation.1.avsc", "metric_snapshot.1.avsc"]
    assert [released()[schema_id] for schema_id in range(1_000_000_000, 1_000_000_003)] == first
    assert min(released()) == FIRST_PACKAGED_ID


def test_released_schemas_have_not_changed() -> None:
    lines = (AVRO / "released" / "SHA256SUMS").read_text().splitlines()
    sums = {line.split()[1]: line.split()[0] for line in lines}
    assert set(sums) == set(released().values())
    for name, expected in sums.items():
        assert hashlib.sha256((AVRO / "released" / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("name", NAMES)
def test_the_current_schema_is_released_and_reads_every_version_before(name: SchemaName) -> None:
    current = json.loads(schema_text(name))
    versions = [file for file in released().values() if file.startswith(f"{name}.")]
    for file in versions:
        assert findings(json.loads((AVRO / "released" / file).read_text()), current) == []
    newest = (AVRO / "released" / released()[packaged_id(name)]).read_text()
    assert json.loads(newest) == current, "release the change: a new file, a new id, a new line in SHA256SUMS"
    numbers = sorted(int(file.split(".")[1]) for file in versions)
    assert numbers == list(range(1, len(numbers) + 1))


def _field(schema: Any, record: str, name: str) -> Any:
    return next(field for field in named_types(schema)[record]["fields"] if field["name"] == name)


def _new_field_without_default(schema: Any) -> None:
    named_types(schema)["AddMessage"]["fields"].append({"name": "mood", "type": "string"})


def _other_type(schema: Any) -> None:
    _field(schema, "AddMessage", "content")["type"] = "long"


def _body_removed(schema: Any) -> None:
    del _field(schema, "ConversationEvent", "body")["type"][-1]


def _nested_type(schema: Any) -> None:
    _field(schema, "Number", "maximum")["type"] = "string"


def _not_nullable_any_more(schema: Any) -> None:
    field = _field(schema, "AddMessage", "reasoning")
    field["type"], field["default"] = "string", ""


def _body_renamed(schema: Any) -> None:
    named_types(schema)["EraseConversation"]["name"] = "ForgetConversation"


def _enum_without_default(schema: Any) -> None:
    role = named_types(schema)["Role"]
    role["symbols"].remove("tool")
    del role["default"]


INCOMPATIBLE = (
    _new_field_without_default,
    _other_type,
    _nested_type,
    _not_nullable_any_more,
    _body_removed,
    _body_renamed,
    _enum_without_default,
)


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_an_incompatible_change_is_refused(change: Any) -> None:
    current = json.loads(schema_text("conversation_event"))
    changed = copy.deepcopy(current)
    change(changed)
    assert findings(current, changed)


def _new_field_with_default(schema: Any) -> None:
    named_types(schema)["AddMessage"]["fields"].append(
        {"name": "mood", "type": ["null", "string"], "default": None}
    )


def _field_removed(schema: Any) -> None:
    fields = named_types(schema)["AddMessage"]["fields"]
    fields.remove(_field(schema, "AddMessage", "latency_ms"))


def _new_symbol_and_body(schema: Any) -> None:
    named_types(schema)["Role"]["symbols"].append("critic")
    _field(schema, "ConversationEvent", "body")["type"].append(
        {"type": "record", "name": "Wave", "fields": []}
    )


COMPATIBLE = (_new_field_with_default, _field_removed, _new_symbol_and_body)


@pytest.mark.parametrize("change", COMPATIBLE)
def test_a_compatible_change_is_taken(change: Any) -> None:
    current = json.loads(schema_text("conversation_event"))
    changed = copy.deepcopy(current)
    change(changed)
    assert findings(current, changed) == []


def _tree(value: str, depth_type: str) -> Any:
    """A type that contains itself, below the top level."""
    fields = [
        {"name": "value", "type": value},
        {"name": "children", "type": {"type": "array", "items": "Tree"}},
    ]
    tree = {"type": "record", "name": "Tree", "fields": [*fields, {"name": "depth", "type": depth_type}]}
    return {
        "type": "record",
        "name": "Top",
        "fields": [{"name": "tree", "type": ["null", tree]}, {"name": "again", "type": "Tree"}],
    }


def test_types_that_contain_themselves_are_compared() -> None:
    assert findings(_tree("int", "long"), _tree("long", "long")) == []
    changed = findings(_tree("string", "long"), _tree("long", "string"))
    assert changed == [
        "tree: no branch of the union accepts record",
        "again.value: string became long",
        "again.depth: long became string",
    ]


@pytest.mark.slow
@pytest.mark.registry
def test_the_real_registry_judges_changes_as_we_do(registry: str) -> None:
    subject = f"t{uuid.uuid4().hex[:8]}-value"
    current = schema_text("conversation_event")
    with confluent_client(registry) as client:
        client.register_schema(subject, Schema(current, "AVRO"))
        client.set_compatibility(subject, level="BACKWARD")
        for change in (*COMPATIBLE, *INCOMPATIBLE):
            changed = json.loads(current)
            change(changed)
            verdict = client.test_compatibility(subject, Schema(json.dumps(changed), "AVRO"))
            assert verdict == (findings(json.loads(current), changed) == []), change.__name__


def test_a_type_of_one_name_has_one_definition() -> None:
    known: dict[str, str] = {}
    for name in NAMES:
        for type_name, type_ in named_types(json.loads(schema_text(name))).items():
            shape = json.dumps(_expanded(type_, named_types(json.loads(schema_text(name)))), sort_keys=True)
            assert known.setdefault(type_name, shape) == shape, f"{type_name} differs in {name}"


def _expanded(node: Any, names: dict[str, Any]) -> Any:
    if isinstance(node, str):
        return _expanded(names[node], names) if node in names else node
    if isinstance(node, list):
        return [_expanded(item, names) for item in node]
    if isinstance(node, dict):
        return {
            key: _expanded(value, names) if key != "name" else value
            for key, value in node.items()
            if key != "doc"
        }
    return node


def test_every_enum_has_the_default_unknown() -> None:
    for name in NAMES:
        for type_ in named_types(json.loads(schema_text(name))).values():
            if type_["type"] == "enum":
                assert type_["default"] == "unknown", type_["name"]
                assert type_["symbols"][0] == "unknown", type_["name"]


def test_dead_letters_take_what_their_twins_take() -> None:
    headers = 64 * 1024
    for topic in definitions():
        if topic.twin is not None:
            twin = definition(topic.twin)
            assert int(twin.config["max.message.bytes"]) >= int(topic.config["max.message.bytes"]) + headers
            assert int(twin.config["retention.ms"]) >= int(topic.config["retention.ms"])


def test_topics_fit_together() -> None:
    ordered = {API_KEYS, MODELS, RUBRICS, SCHEMA_IDS}
    assert {definition(name).partitions for name in ordered} == {1}
    assert len({topic.partitions for topic in definitions() if topic.name not in ordered}) == 1
    for topic in definitions():
        assert topic.config["message.timestamp.type"] == "LogAppendTime", topic.name
        assert {name.removeprefix("plaudit_") for name in [*topic.writers, *topic.readers]} <= {
            "producers",
            "stream_processors",
            "consumers",
            "infra",
            "schemas",
        }
