"""What a registry's failures mean: a refusal of one schema, or nothing about any schema."""

import json
from collections.abc import Iterator

import pytest
from plaudit_schemas.codec.catalog import schema_text
from plaudit_schemas.codec.header import header_of
from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import (
    CodecError,
    MissingSchemaError,
    RegistryUnavailableError,
    SchemaUnavailableError,
    UnknownSchemaError,
)
from plaudit_schemas.examples import examples

from tests.support.faulty_registry import HTML, Answer, FaultyRegistry, faulty_registry

TYPES, SUBJECT = "/schemas/types", "/subjects/plaudit.conversation-events-value"
SCHEMA = json.dumps({"schema": schema_text("conversation_event")}).encode()
NOWHERE = "http://127.0.0.1:9"  # every path has its answer here
REST = next(iter(examples("conversation_event"))).payload[5:]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def faulty() -> Iterator[FaultyRegistry]:
    with faulty_registry(NOWHERE) as proxy:
        proxy.answers[TYPES] = Answer(200, b'["AVRO", "JSON"]')
        proxy.answers[SUBJECT] = Answer(200, b'{"id": 3}')
        yield proxy


def _schemas(faulty: FaultyRegistry, clock: Clock | None = None) -> RegistrySchemas:
    return RegistrySchemas(faulty.url, sleep=lambda _seconds: None, clock=clock or Clock(), attempts=2)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 418, 422, 451], ids="HTTP {}".format)
def test_a_registry_that_works_and_refuses_one_id_is_believed(faulty: FaultyRegistry, status: int) -> None:
    faulty.refuse_id(7, status, HTML)
    schemas = _schemas(faulty)
    for _ in range(3):
        with pytest.raises(UnknownSchemaError, match=f"the schema id 7 cannot be had: .*HTTP {status}"):
            schemas.text_of(7)
    assert faulty.asked["/schemas/ids/7"] == 1


@pytest.mark.parametrize(
    "control",
    [
        pytest.param({TYPES: Answer(404, HTML)}, id="no types, but the subject"),
        pytest.param({SUBJECT: Answer(403)}, id="no right to the subject, but types"),
        pytest.param({TYPES: Answer(404), SUBJECT: Answer(404)}, id="a schema that it gave before"),
    ],
)
def test_one_answer_is_enough_to_show_that_a_registry_works(
    faulty: FaultyRegistry, control: dict[str, Answer]
) -> None:
    faulty.answers |= control
    faulty.refuse_id(5, 200, SCHEMA)
    faulty.refuse_id(7, 404, HTML)
    schemas = _schemas(faulty)
    schemas.text_of(5)
    with pytest.raises(UnknownSchemaError, match="HTTP 404"):
        schemas.text_of(7)


def test_a_writer_shows_that_a_registry_works_by_registering_again(faulty: FaultyRegistry) -> None:
    faulty.answers = {SUBJECT + "/versions": Answer(200, b'{"id": 3}')}
    faulty.answers |= {TYPES: Answer(404), "/schemas/ids/7": Answer(404, HTML)}
    schemas = _schemas(faulty)
    assert schemas.id_of("conversation_event") == 3
    with pytest.raises(UnknownSchemaError, match="HTTP 404"):
        schemas.text_of(7)


@pytest.mark.parametrize("status", [400, 403, 404], ids="HTTP {}".format)
def test_a_registry_that_refuses_everything_says_nothing_about_an_id(
    faulty: FaultyRegistry, status: int
) -> None:
    faulty.everything = Answer(status, HTML)
    with pytest.raises(RegistryUnavailableError, match=f"HTTP {status}"):
        _schemas(faulty).text_of(7)
    faulty.everything = None
    faulty.refuse_id(7, 200, SCHEMA)
    assert _schemas(faulty).text_of(7)


def test_an_api_that_says_that_there_is_no_such_schema_needs_no_second_question(
    faulty: FaultyRegistry,
) -> None:
    faulty.refuse_id(7, 404, b'{"error_code": 40403, "message": "Schema 7 not found"}')
    with pytest.raises(UnknownSchemaError, match="the schema id 7 is unknown to the schema registry"):
        _schemas(faulty).text_of(7)
    assert faulty.asked.total() == 1


@pytest.mark.parametrize("status", [401, 407, 408, 425, 429, 500, 501, 503], ids="HTTP {}".format)
def test_a_failure_at_one_id_is_waited_for_and_counts_as_a_refusal_after_a_minute(
    faulty: FaultyRegistry, status: int
) -> None:
    clock = Clock()
    schemas = _schemas(faulty, clock)
    faulty.refuse_id(7, status)
    for now in (100.0, 130.0, 159.0):
        clock.now = now
        with pytest.raises(SchemaUnavailableError, match=f"the schema id 7: .*HTTP {status}"):
            schemas.text_of(7)
    clock.now = 161.0
    asked = faulty.asked["/schemas/ids/7"]
    for _ in range(3):
        with pytest.raises(UnknownSchemaError, match=f"could not be had for 60 s: .*HTTP {status}"):
            schemas.text_of(7)
    assert faulty.asked["/schemas/ids/7"] - asked <= 2
    clock.now = 222.0
    faulty.refuse_id(7, 200, SCHEMA)
    assert schemas.text_of(7)


def test_the_time_in_which_the_whole_registry_is_away_is_not_held_against_an_id(
    faulty: FaultyRegistry,
) -> None:
    clock = Clock()
    schemas = _schemas(faulty, clock)
    faulty.refuse_id(7, 503)
    with pytest.raises(SchemaUnavailableError):
        schemas.text_of(7)
    clock.now, faulty.everything = 150.0, Answer(503)
    with pytest.raises(RegistryUnavailableError) as away:
        schemas.text_of(7)
    assert not isinstance(away.value, SchemaUnavailableError)
    clock.now, faulty.everything = 3000.0, None
    with pytest.raises(SchemaUnavailableError):
        schemas.text_of(7)


def test_a_redirect_is_not_followed_and_gets_no_password(faulty: FaultyRegistry) -> None:
    with faulty_registry(NOWHERE) as elsewhere:
        elsewhere.everything = Answer(200, HTML)
        target = elsewhere.url.replace("://", "://me:hunter2@") + "/login?token=hunter2"
        faulty.everything = Answer(302, location=target)
        url = faulty.url.replace("://", "://me:hunter2@")
        with pytest.raises(RegistryUnavailableError, match=f"redirects to {elsewhere.url}/login,") as caught:
            RegistrySchemas(url).text_of(7)
    assert "hunter2" not in str(caught.value)
    assert elsewhere.asked.total() == 0
    assert faulty.asked["/schemas/ids/7"] == 1


@pytest.mark.parametrize(
    ("schema_id", "error", "said"),
    [
        (1_000_000_099, MissingSchemaError, "later release"),
        (1_500_000_000, UnknownSchemaError, "too large"),
        (2**31, UnknownSchemaError, "too large"),
        (2**32 - 1, UnknownSchemaError, "too large"),
    ],
    ids=["a later release", "beyond ours", "over 31 bits", "the largest"],
)
def test_ids_that_no_registry_gives_are_not_asked_for(
    faulty: FaultyRegistry, schema_id: int, error: type[CodecError], said: str
) -> None:
    decoder = Decoder("conversation_event", _schemas(faulty))
    with pytest.raises(error, match=said) as caught:
        decoder.decode(header_of(schema_id))
    assert caught.type is error
    assert faulty.asked.total() == 0


def test_a_batch_asks_once_for_each_id_and_for_all_before_it_waits_for_one(faulty: FaultyRegistry) -> None:
    faulty.refuse_id(5, 200, SCHEMA)
    faulty.refuse_id(7, 404, HTML)
    faulty.refuse_id(8, 500)
    faulty.refuse_id(9, 500)
    decoder = Decoder("conversation_event", _schemas(faulty))
    payloads = [header_of(schema_id) + REST for schema_id in (8, 5, 7, 9)] * 50
    assert not decoder.knows_schemas(payloads)
    with pytest.raises(SchemaUnavailableError):
        decoder.decode_many(payloads)
    asked = [faulty.asked[f"/schemas/ids/{schema_id}"] for schema_id in (5, 7, 8, 9)]
    assert asked == [1, 1, 2, 2]  # two attempts each at those that fail
    faulty.refuse_id(8, 200, SCHEMA)
    faulty.refuse_id(9, 200, SCHEMA)
    decoded = decoder.decode_many(payloads)
    assert [isinstance(result, CodecError) for result in decoded] == [False, False, True, False] * 50
    assert decoder.knows_schemas(payloads[:2])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"type": "record"}',
        '{"type": "record", "name": "plaudit.v1.ConversationEvent", "fields": 7}',
    ],
    ids=["nested without end", "no name", "no fields"],
)
def test_a_schema_that_is_no_avro_refuses_its_records(faulty: FaultyRegistry, text: str) -> None:
    faulty.refuse_id(7, 200, json.dumps({"schema": text}).encode())
    with pytest.raises(UnknownSchemaError, match="schema id 7 is unreadable"):
        Decoder("conversation_event", _schemas(faulty)).decode(header_of(7) + REST)


def test_an_encoder_asks_when_it_is_told_to_and_never_while_it_encodes(faulty: FaultyRegistry) -> None:
    record = Decoder("conversation_event").decode(next(iter(examples("conversation_event"))).payload)
    encoder = Encoder("conversation_event", _schemas(faulty))
    faulty.everything = Answer(503)
    with pytest.raises(RuntimeError, match="learn_id"):
        encoder.encode(record)
    assert faulty.asked.total() == 0
    with pytest.raises(RegistryUnavailableError):
        encoder.learn_id()
    assert not encoder.has_id
    faulty.everything = Answer(200, b'{"id": 3}')
    encoder.learn_id()
    faulty.everything = Answer(503)
    encoder.learn_id()
    assert encoder.encode(record)[:5] == header_of(3)
    assert Encoder("conversation_event").has_id
