"""The registry's client: against a bad server of our own, and against the real one."""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from plaudit_schemas.codec.catalog import schema_text
from plaudit_schemas.codec.header import schema_id_of
from plaudit_schemas.codec.registry import SUBJECTS, RegistrySchemas
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import (
    RegistryError,
    RegistryRefusedError,
    RegistryUnavailableError,
    UnknownSchemaError,
)
from plaudit_schemas.examples import examples

from tests.support.registry import confluent_client


class _Handler(BaseHTTPRequestHandler):
    answers: list[tuple[int, bytes]]
    headers_seen: list[Any]
    asked: list[str]
    wait: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.headers_seen.append(self.headers)
        if self.path.startswith("/slow"):
            self.wait.wait(60)
        status, body = self.answers[min(len(self.asked), len(self.answers)) - 1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.path.startswith("/trickle") and self.wait.wait(0.05):
                return

    do_POST = do_GET

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def bad_registry() -> Iterator[Any]:
    handler: Any = type("Handler", (_Handler,), {"answers": [], "asked": [], "headers_seen": []})
    handler.wait = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    handler.wait.set()
    server.shutdown()
    server.server_close()
    thread.join()


def _schemas(handler: Any, **options: Any) -> RegistrySchemas:
    return RegistrySchemas(handler.url, sleep=lambda _seconds: None, **options)


def test_a_failing_registry_is_asked_again_a_few_times_and_named(bad_registry: Any) -> None:
    bad_registry.answers = [(500, b"no"), (503, b"no"), (500, b'{"message": "out of order"}')]
    with pytest.raises(RegistryUnavailableError, match=r"3 attempts.*out of order"):
        _schemas(bad_registry).text_of(7)
    assert bad_registry.asked.count("/schemas/ids/7") == 3


def test_a_registry_that_recovers_is_forgiven_and_its_answer_kept(bad_registry: Any) -> None:
    bad_registry.answers = [(500, b"no"), (200, b'{"schema": "\\"string\\""}')]
    schemas = _schemas(bad_registry)
    assert schemas.text_of(7) == schemas.text_of(7) == '"string"'
    assert len(bad_registry.asked) == 2


def test_a_refusal_is_not_repeated(bad_registry: Any) -> None:
    bad_registry.answers = [(422, b'{"message": "incompatible"}')]
    with pytest.raises(RegistryRefusedError, match="incompatible"):
        _schemas(bad_registry).id_of("conversation_event")
    assert len(bad_registry.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""], ids=["html", "a list", "empty"])
def test_garbage_is_no_answer(bad_registry: Any, body: bytes) -> None:
    bad_registry.answers = [(200, body)]
    with pytest.raises(RegistryUnavailableError):
        _schemas(bad_registry).text_of(7)


def test_a_slow_registry_is_given_up(bad_registry: Any) -> None:
    bad_registry.answers = [(200, b"{}")]
    schemas = RegistrySchemas(bad_registry.url + "/slow", timeout_s=0.2, attempts=2, sleep=lambda _: None)
    with pytest.raises(RegistryUnavailableError, match="2 attempts"):
        schemas.text_of(7)


def test_an_answer_that_trickles_in_is_given_up(bad_registry: Any) -> None:
    bad_registry.answers = [(200, b'{"schema": "' + b"x" * 10_000 + b'"}')]
    schemas = RegistrySchemas(bad_registry.url + "/trickle", timeout_s=0.3, attempts=1)
    with pytest.raises(RegistryUnavailableError, match="trickles"):
        schemas.text_of(7)


def test_an_endless_answer_is_cut_off(bad_registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_schemas.codec.registry_client._MAX_ANSWER_BYTES", 100)
    bad_registry.answers = [(200, b" " * 101)]
    with pytest.raises(RegistryUnavailableError, match="longer than 100 bytes"):
        _schemas(bad_registry, attempts=1).text_of(7)


def test_a_registry_that_is_down_is_named_and_its_bytes_are_no_dead_letter() -> None:
    schemas = RegistrySchemas("http://127.0.0.1:9", attempts=2, sleep=lambda _seconds: None)
    payload = b"\0\0\0\0\x07" + next(iter(examples("conversation_event"))).payload[5:]
    with pytest.raises(RegistryUnavailableError, match=r"127\.0\.0\.1:9"):
        Decoder("conversation_event", schemas).decode_many([payload])


UNKNOWN = (404, b'{"error_code": 40403, "message": "Schema 7 not found"}')


def test_an_unknown_id_is_a_dead_letter_and_asked_for_again_after_a_while(bad_registry: Any) -> None:
    bad_registry.answers = [
        UNKNOWN,
        (200, json.dumps({"schema": schema_text("conversation_event")}).encode()),
    ]
    payload = b"\0\0\0\0\x07" + next(iter(examples("conversation_event"))).payload[5:]
    now = [100.0]
    decoder = Decoder("conversation_event", _schemas(bad_registry, clock=lambda: now[0]))
    for _ in range(3):
        with pytest.raises(UnknownSchemaError, match="the schema id 7 is unknown"):
            decoder.decode(payload)
    assert len(bad_registry.asked) == 1
    now[0] += 6.0
    assert decoder.decode(payload)["event_id"]
    assert len(bad_registry.asked) == 2


def test_a_wrong_path_is_no_unknown_id(bad_registry: Any) -> None:
    bad_registry.answers = [(404, b'{"detail": "no such path"}')]
    payload = b"\0\0\0\0\x07" + next(iter(examples("conversation_event"))).payload[5:]
    with pytest.raises(RegistryUnavailableError, match="/apis/ccompat/v7"):
        Decoder("conversation_event", _schemas(bad_registry)).decode_many([payload])


@pytest.mark.parametrize("answer", [b"{}", b'{"schema": 7}'], ids=["empty", "schema as a number"])
def test_an_answer_without_a_schema_is_told(bad_registry: Any, answer: bytes) -> None:
    bad_registry.answers = [(200, answer)]
    with pytest.raises(RegistryUnavailableError, match="gave no schema for id 7"):
        _schemas(bad_registry).text_of(7)


@pytest.mark.parametrize(
    "given",
    ["null", "true", '"7"', "-1", "1000000000"],
    ids=["null", "true", "a string", "negative", "too large"],
)
def test_an_id_that_is_none_is_refused(bad_registry: Any, given: str) -> None:
    bad_registry.answers = [(200, f'{{"id": {given}}}'.encode())]
    with pytest.raises(RegistryError, match="as the id of conversation_event"):
        Encoder("conversation_event", _schemas(bad_registry)).learn_id()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"string"', id="string"),
        pytest.param('["null", "string"]', id="union"),
        pytest.param('syntax = "proto3";', id="protobuf"),
        pytest.param('{"type": "object"}', id="json schema"),
        pytest.param("null", id="null"),
        pytest.param('{"type": "record", "name": "Other", "fields": []}', id="another record"),
        pytest.param(
            '{"type": "record", "name": "X", "fields": [{"name": "a", "type": "elsewhere.Referenced"}]}',
            id="reference to another schema",
        ),
    ],
)
def test_an_id_of_another_kind_of_schema_is_a_dead_letter(bad_registry: Any, text: str) -> None:
    bad_registry.answers = [(200, json.dumps({"schema": text}).encode())]
    decoder = Decoder("conversation_event", _schemas(bad_registry))
    for _ in range(2):
        with pytest.raises(UnknownSchemaError, match=r"schema id 7 is .*not plaudit\.v1\.ConversationEvent"):
            decoder.decode(b"\0\0\0\0\x07payload")
    assert len(bad_registry.asked) == 1


def test_user_and_password_are_sent_and_never_shown(bad_registry: Any) -> None:
    bad_registry.answers = [(401, b'{"error_code": 401, "message": "Unauthorized"}')]
    url = bad_registry.url.replace("://", "://me:p%40ss@")
    with pytest.raises(RegistryUnavailableError, match="Unauthorized") as caught:
        RegistrySchemas(url).text_of(7)
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    sent = bad_registry.headers_seen[0]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"me:p@ss"


@pytest.mark.parametrize(
    "url",
    ["registry:8081", "ftp://me:hunter2@x", "http://", "http://x:port", "http://[", ""],
    ids=["no scheme", "ftp", "no host", "port in words", "open bracket", "empty"],
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(RegistryError, match="http://host:port") as caught:
        RegistrySchemas(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.registry
def test_ours_and_confluents_serializers_read_each_others_bytes(registry: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    topic = prefix + "plaudit.conversation-events"
    with confluent_client(registry) as theirs:
        registered = theirs.register_schema(
            topic + "-value", Schema(schema_text("conversation_event"), "AVRO")
        )
        schemas = RegistrySchemas(registry, topic_prefix=prefix)
        assert schemas.id_of("conversation_event") == registered
        assert topic == prefix + SUBJECTS["conversation_event"].removesuffix("-value")
        ours, reader = Encoder("conversation_event", schemas), Decoder("conversation_event", schemas)
        ours.learn_id()
        serializer = AvroSerializer(
            theirs,
            schema_text("conversation_event"),
            conf={"auto.register.schemas": False, "use.latest.version": True},
        )
        deserializer = AvroDeserializer(theirs, schema_text("conversation_event"), return_record_name=True)
        context = SerializationContext(topic, MessageField.VALUE)
        packaged = Decoder("conversation_event")
        for example in examples("conversation_event"):
            record = packaged.decode(example.payload)
            written = ours.encode(record)
            assert schema_id_of(written) == registered
            assert reader.decode(written) == record
            assert serializer(record, context) == written, example.title
            theirs_read = deserializer(written, context)
            assert theirs_read is not None
            assert theirs_read["event_id"] == record["event_id"]
            assert serializer(theirs_read, context) == written, example.title


@pytest.mark.registry
def test_the_real_registrys_unknown_id_and_wrong_path(registry: str) -> None:
    with pytest.raises(UnknownSchemaError, match="999999 is unknown"):
        RegistrySchemas(registry).text_of(999_999)
    with pytest.raises(RegistryUnavailableError, match="path complete"):
        RegistrySchemas(registry.partition("/apis")[0]).text_of(7)


@pytest.mark.registry
def test_packaged_ids_need_no_registry_even_where_one_is_set(registry: str) -> None:
    schemas = RegistrySchemas(registry, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    example = next(iter(examples("conversation_event")))
    assert (
        json.loads(json.dumps(Decoder("conversation_event", schemas).decode(example.payload)))
        == example.record
    )
