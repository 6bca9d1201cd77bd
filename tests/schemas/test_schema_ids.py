"""What Kafka remembers of a registry's ids."""

import json
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from plaudit_schemas.codec.catalog import SchemaName, schema_text
from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.codec.wire import PackagedSchemas
from plaudit_schemas.errors import RegistryUnavailableError, SchemaMovedError, UnknownSchemaError
from plaudit_schemas.kafka.schema_ids import RememberedSchemas, moved_ids, schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import SCHEMA_IDS
from plaudit_schemas.topics.admin import ensure

_FOREIGN = json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": []})


class MadeUpRegistry(RegistrySchemas):
    """A registry whose answers a test decides."""

    def __init__(self, texts: dict[int, str]) -> None:
        super().__init__("http://registry.test")
        self.texts = texts

    def id_of(self, name: SchemaName) -> int:
        return next(schema_id for schema_id, text in self.texts.items() if text == schema_text(name))

    def _ask_for(self, schema_id: int) -> str:
        return self.texts[schema_id]

    def text_of(self, schema_id: int) -> str:
        if schema_id not in self.texts:
            raise UnknownSchemaError(f"nobody knows {schema_id}")
        return super().text_of(schema_id)


EVENT, FINISHED = schema_text("conversation_event"), schema_text("finished_conversation")
Process = Callable[[dict[int, str]], RememberedSchemas]


def _connection(kafka: str) -> ConnectionSettings:
    return ConnectionSettings(bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1)


@pytest.fixture(scope="module")
def connection(kafka: str) -> ConnectionSettings:
    """Topics that the tests share; each has ids of its own."""
    made = _connection(kafka)
    ensure(made)
    return made


@pytest.fixture
def process(connection: ConnectionSettings) -> Process:
    """Makes what a new process of the line has, with a registry of these schemas."""
    return lambda texts: RememberedSchemas(MadeUpRegistry(texts), connection)


@pytest.mark.kafka
def test_an_id_that_means_another_schema_is_refused_until_it_is_mended(process: Process) -> None:
    assert process({11: EVENT, 12: FINISHED}).text_of(11) == EVENT
    texts = {11: FINISHED}
    late = process(texts)
    for _ in range(2):
        with pytest.raises(SchemaMovedError, match=r"id 11 was plaudit\.v1\.ConversationEvent, and is"):
            late.text_of(11)
    assert moved_ids(late) == 1
    texts[11] = EVENT
    assert late.text_of(11) == EVENT
    assert moved_ids(late) == 0


@pytest.mark.kafka
def test_an_id_that_is_unknown_now_is_refused_if_it_was_known(process: Process) -> None:
    process({21: EVENT}).text_of(21)
    with pytest.raises(SchemaMovedError, match="is unknown now"):
        process({}).text_of(21)
    with pytest.raises(UnknownSchemaError):
        process({}).text_of(22)


@pytest.mark.kafka
def test_nobody_writes_under_an_id_that_meant_something_else(process: Process) -> None:
    process({31: EVENT}).text_of(31)
    late = process({31: FINISHED})
    with pytest.raises(SchemaMovedError):
        late.id_of("finished_conversation")
    assert process({31: EVENT}).id_of("conversation_event") == 31
    assert process({32: FINISHED}).id_of("finished_conversation") == 32
    with pytest.raises(SchemaMovedError):
        process({32: EVENT}).text_of(32)


@pytest.mark.kafka
def test_a_schema_that_had_an_id_is_not_registered_where_the_id_is_lost(process: Process) -> None:
    process({91: schema_text("amendment")}).text_of(91)
    for answers in ({}, {91: FINISHED}):
        late = process({**answers, 92: schema_text("amendment")})
        with pytest.raises(SchemaMovedError, match="id 91 was"):
            late.id_of("amendment")
    assert process({91: schema_text("amendment")}).id_of("amendment") == 91


@pytest.mark.kafka
def test_the_same_schema_in_other_words_is_the_same(process: Process) -> None:
    process({41: EVENT}).text_of(41)
    other = json.dumps({**json.loads(EVENT), "doc": "In other words."}, indent=3)
    assert process({41: other}).text_of(41) == other


@pytest.mark.kafka
def test_schemas_of_others_are_not_remembered(process: Process) -> None:
    process({51: _FOREIGN, 52: "no schema"}).text_of(51)
    process({51: _FOREIGN, 52: "no schema"}).text_of(52)
    assert process({51: EVENT, 52: FINISHED}).text_of(51) == EVENT
    with pytest.raises(SchemaMovedError, match="is no Avro record now"):
        process({51: "no schema"}).text_of(51)


@pytest.mark.kafka
def test_a_record_that_somebody_else_wrote_is_passed_over(
    process: Process, connection: ConnectionSettings, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer(connection.kafka())
    for key, value in ((b"x", b"{}"), (b"63", b"[]")):
        producer.produce(connection.topic_prefix + SCHEMA_IDS, value, key)
    process({61: EVENT}).text_of(61)
    assert producer.flush(30) == 0
    with pytest.raises(SchemaMovedError):
        process({61: FINISHED}).text_of(61)
    assert "cannot be read; its key is b'x'" in caplog.text
    producer.produce(connection.topic_prefix + SCHEMA_IDS, None, b"61")  # an operator lets an id go
    assert producer.flush(30) == 0
    assert process({61: FINISHED}).text_of(61) == FINISHED


@pytest.mark.kafka
def test_without_the_topic_the_registry_is_believed(kafka: str, caplog: pytest.LogCaptureFixture) -> None:
    for text in (EVENT, FINISHED):
        assert RememberedSchemas(MadeUpRegistry({1: text}), _connection(kafka)).text_of(1) == text
    assert "a registry that loses its ids will not be noticed" in caplog.text
    assert "plaudit topics create" in caplog.text


def test_without_kafka_nothing_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_schemas.kafka.schema_ids._ANSWER_S", 0.5)
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(RegistryUnavailableError, match="what schema ids meant cannot be read"):
        RememberedSchemas(MadeUpRegistry({1: EVENT}), away).text_of(1)


def test_only_a_registry_needs_a_memory() -> None:
    assert isinstance(schemas_of(ConnectionSettings()), PackagedSchemas)
    assert moved_ids(PackagedSchemas()) == 0
    named = ConnectionSettings(schema_registry_url=SecretUrl("http://registry.test"))
    assert isinstance(schemas_of(named), RememberedSchemas)
