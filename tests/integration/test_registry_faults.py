"""A worker, a sink and a gateway with a registry that refuses, fails, hangs or is away."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from plaudit_infra.servers.process import free_port
from plaudit_schemas.codec.catalog import schema_text
from plaudit_schemas.codec.header import header_of
from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.topics import DEAD_LETTERS

from harness.events import events
from harness.waiting import eventually
from tests.support.faulty_registry import HTML, Answer, FaultyRegistry, faulty_registry
from tests.support.finished import chat, encoded, like
from tests.support.gateway import make_gateway, message
from tests.support.line import Line
from tests.support.sinks import Sinks, send, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.registry, pytest.mark.slow]
Make = Callable[..., Line]

_KEY = conversation_key("acme", "c")
_AWAY = Answer(503, b'{"error_code": 50301, "message": "the leader is gone"}')


@pytest.fixture
def faulty(registry: str) -> Iterator[FaultyRegistry]:
    with faulty_registry(registry) as proxy:
        yield proxy


def _reason(port: int) -> str:
    """Why a process is not ready; empty if it is, or does not listen yet."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).json()["reason"] or ""
    except httpx.TransportError:
        return ""


def _chats(count: int = 500, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    return events(count, open_conversations=20, seed=seed, start_us=time.time_ns() // 1000)


def _letters(line: Line) -> dict[int, tuple[str, str]]:
    """Schema id -> reason and detail of its dead letter."""
    letters = [DeadLetter.read(record) for record in line.read(DEAD_LETTERS)]
    return {letter.schema_id or 0: (letter.refusal.reason, letter.refusal.detail) for letter in letters}


def test_ids_that_are_refused_for_good_become_dead_letters(line: Make, faulty: FaultyRegistry) -> None:
    faulty.refuse_id(701, 404, HTML)
    faulty.refuse_id(702, 404, b'{"error_code": 40401, "message": "Subject not found"}')
    faulty.refuse_id(703, 404)
    faulty.refuse_id(704, 400, b'{"error_code": 400, "message": "bad id"}')
    faulty.refuse_id(705, 403, b"<html>Forbidden</html>")
    faulty.refuse_id(706, 410, b"[]")
    faulty.refuse_id(707, 200, b"{}")
    faulty.refuse_id(708, 200, b'{"schema": 7}')
    faulty.refuse_id(
        709, 200, json.dumps({"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}).encode()
    )
    faulty.refuse_id(710, 200, json.dumps({"schema": "[" * 5000}).encode())
    faulty.refuse_id(
        711, 200, json.dumps({"schema": '{"type": "record", "name": "A", "fields": []}'}).encode()
    )
    refused = [*range(701, 712), 2**31 - 1, 2**31, 2**32 - 1, 999_999, 1_000_000_077]
    one, port = line(schemas=RegistrySchemas(faulty.url)), free_port()
    one.start_worker(schema_registry_url=faulty.url, web_port=str(port))
    chats = _chats(1000)
    for schema_id in refused:
        one.send([(_KEY, header_of(schema_id))] * 2)
        one.send(islice(chats, 20))
    one.send(chats)
    one.wait_folded()
    letters = _letters(one)
    assert {schema_id: reason for schema_id, (reason, _) in letters.items()} == dict.fromkeys(
        refused, "unknown_schema"
    )
    assert "HTTP 403" in letters[705][1]
    assert "unknown to the schema registry" in letters[999_999][1]
    assert "later release" in letters[1_000_000_077][1]
    assert len(one.check_exact().refused) == 2 * len(refused)
    eventually(lambda: _reason(port) == "", "the worker is ready")


def test_an_incompatible_schema_of_the_same_name_becomes_a_dead_letter(
    line: Make, faulty: FaultyRegistry
) -> None:
    schema = json.loads(schema_text("conversation_event"))
    schema["fields"] = [{"name": "event_id", "type": "int"}]
    faulty.refuse_id(720, 200, json.dumps({"schema": json.dumps(schema)}).encode())
    one = line()
    one.start_worker(schema_registry_url=faulty.url)
    one.send([(_KEY, header_of(720) + b"\x02"), *_chats()])
    one.wait_folded()
    assert {reason for reason, _ in _letters(one).values()} == {"unknown_body"}


@pytest.mark.parametrize("folds", [True, False], ids=["with events", "without events"])
def test_a_registry_that_does_not_let_us_in_is_waited_for(
    line: Make, faulty: FaultyRegistry, folds: bool
) -> None:
    waits = [
        (Answer(401, b'{"error_code": 40101, "message": "Unauthorized"}'), "user and password"),
        (Answer(302, location="https://login.example/start?token=secret"), "https://login.example/start,"),
        (Answer(200, HTML), "not JSON"),
        (_AWAY, "the leader is gone"),
        (Answer(404, HTML), "is the path complete"),
        (Answer(403, HTML), "HTTP 403"),
    ]
    faulty.everything = waits[0][0]
    one, port = line(schemas=RegistrySchemas(faulty.url)), free_port()
    one.start_worker(schema_registry_url=faulty.url, web_port=str(port))
    if folds:
        one.send([*_chats(), (_KEY, header_of(701))])
    for answer, reason in waits:
        faulty.everything = answer
        eventually(lambda reason=reason: reason in _reason(port), reason)  # type: ignore[misc]  # a default
        assert "token" not in _reason(port)
    assert one.folded() == 0
    faulty.everything = None
    eventually(lambda: _reason(port) == "", "the worker is ready")
    one.wait_folded()
    assert len(one.check_exact().refused) == int(folds)


def test_a_registry_that_goes_before_the_first_conversation_ends_costs_nothing(
    line: Make, faulty: FaultyRegistry
) -> None:
    faulty.everything = _AWAY
    one, port = line(schemas=RegistrySchemas(faulty.url)), free_port()
    one.send(_chats(2000))
    one.start_worker(schema_registry_url=faulty.url, web_port=str(port))
    eventually(lambda: "the leader is gone" in _reason(port), "the worker waits")
    faulty.everything = None
    one.wait_folded()
    expected = one.check_exact()
    assert len(expected.finished) > 50
    assert expected.buckets


@pytest.mark.parametrize(
    "fault",
    [Answer(500, b"oops"), Answer(hangs=True), Answer(200, HTML)],
    ids=["server error", "no answer", "sign-in page"],
)
def test_a_registry_that_fails_at_one_id_is_waited_for(
    line: Make, faulty: FaultyRegistry, fault: Answer
) -> None:
    faulty.answers["/schemas/ids/730"] = fault
    one, port = line(), free_port()
    one.start_worker(schema_registry_url=faulty.url, web_port=str(port))
    eventually(lambda: one.workers[0].poll() is None and _reason(port) == "", "the worker is ready")
    ((key, value),) = _chats(1, seed=7)
    one.send([*_chats(), (key, header_of(730) + value[5:])])
    waited = time.monotonic()
    eventually(lambda: faulty.asked["/schemas/ids/730"] > 0, "the worker asks")
    # Whoever watches the worker gets answers at once all the while, so nobody takes it for dead.
    while "schema id 730" not in _reason(port):
        asked = time.monotonic()
        assert httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=30).status_code == 200
        assert time.monotonic() - asked < 3, "the worker's event loop is blocked"
        assert time.monotonic() - waited < 120, "the worker is still ready"
    faulty.refuse_id(730, 200, json.dumps({"schema": schema_text("conversation_event")}).encode())
    one.wait_folded()
    assert list(one.read(DEAD_LETTERS)) == []
    eventually(lambda: _reason(port) == "", "the worker is ready")
    assert one.lost_workers() == []


def test_a_sink_waits_for_the_registry_and_refuses_what_it_refuses(
    line: Make, sinks: Callable[..., Sinks], faulty: FaultyRegistry, tmp_path: Path
) -> None:
    one, out, port = line(partitions=1), tmp_path / "out", free_port()
    payloads = [encoded(chat(like("a"), offset=offset, source_partition=0)) for offset in range(6)]
    faulty.refuse_id(741, 404, HTML)
    faulty.answers["/schemas/ids/742"] = _AWAY
    sent = [
        *payloads[:2],
        header_of(741),
        header_of(2**31) + b"rest",
        payloads[2],
        header_of(742) + payloads[3][5:],
        *payloads[4:],
    ]
    send(one.connection, [(0, payload) for payload in sent])
    writing = sinks(one, str(out), schema_registry_url=faulty.url, sink_web_port=str(port), rotate_rows="50")
    sink = writing.start()
    eventually(lambda: "schema id 742" in _reason(port), "the sink waits")
    eventually(lambda: faulty.asked["/schemas/ids/742"] > 5, "it asks again")
    assert sources(out) == {(0, offset): 1 for offset in range(3)}, "what comes before need not wait"
    assert "schema id 742" in _reason(port)
    assert sink.poll() is None
    text = json.dumps({"schema": schema_text("finished_conversation")}).encode()
    faulty.refuse_id(742, 200, text)
    eventually(lambda: _reason(port) == "", "the sink is ready")
    sink.terminate()
    assert sink.wait(120) == 0, writing.logs()
    assert sources(out) == {(0, offset): 1 for offset in range(6)}
    assert {schema_id: reason for schema_id, (reason, _) in _letters(one).items()} == {
        741: "unknown_schema",
        2**31: "unknown_schema",
    }


def test_a_sink_without_the_registry_of_the_workers_waits_and_passes_nothing_over(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out, port = line(partitions=1), tmp_path / "out", free_port()
    payload = encoded(chat(like("a"), offset=0, source_partition=0))
    send(one.connection, [(0, payload), (0, header_of(7) + payload[5:])])
    writing = sinks(one, str(out), rotate_rows="50")
    sink = writing.start(sink_web_port=str(port))
    eventually(lambda: "at offset 1: the schema id 7 is unknown" in _reason(port), "the sink waits")
    assert sink.poll() is None
    sink.terminate()
    assert sink.wait(120) == 0, writing.logs()
    assert sources(out) == {(0, 0): 1}
    assert list(one.read(DEAD_LETTERS)) == []
    assert writing.start("--once").wait(120) == 1, "a sink that should end by itself does not wait"


def test_a_gateway_starts_without_the_registry_and_takes_events_once_it_answers(
    kafka: str, valkey: str, faulty: FaultyRegistry, tmp_path: Path
) -> None:
    faulty.everything = Answer(401)
    gateway = make_gateway(kafka, valkey, tmp_path, schema_registry_url=faulty.url)
    key = gateway.key("producer")
    gateway.start(ready=False)
    try:
        with gateway.client(key) as client:
            ready: Callable[[], Any] = lambda: client.get("/health/ready").json()["reason"]  # noqa: E731
            eventually(lambda: "user and password" in (ready() or ""), "the gateway says why it waits")
            eventually(
                lambda: client.post("/v1/events", json=message("a")).status_code == 503, "it knows the key"
            )
            answer = client.post("/v1/events", json=message("a"))
            assert "schema registry" in answer.json()["detail"]
            assert answer.headers["Retry-After"]
            faulty.everything = None
            gateway.wait_ready()
            assert client.post("/v1/events", json=message("a")).status_code == 200
    finally:
        assert gateway.stop() == 0
