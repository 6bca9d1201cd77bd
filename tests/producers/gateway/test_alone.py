"""A gateway in this process, without Kafka, Redis or a member that reads conversations."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import live_reader
from plaudit_producers.gateway import startup
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_producers.gateway.http.app import create_app
from plaudit_producers.gateway.intake.client import RenewingClient
from plaudit_producers.gateway.server import run_gateway
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError, SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.settings.http import HttpSettings
from starlette.testclient import TestClient

from tests.support.otlp import span, traces

AWAY = ConnectionSettings(
    bootstrap_servers="127.0.0.1:1", redis_url=SecretUrl("redis://127.0.0.1:1"), topic_prefix="away-"
)


class Reader:
    """What a member would offer."""

    def __init__(self, _connection: ConnectionSettings) -> None:
        self.closed = False

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        if conversation_id == "none":
            raise NotFoundError("there is none")
        if conversation_id == "away":
            raise ServiceUnavailableError("Redis does not answer")
        if conversation_id == "breaks":
            raise RuntimeError("private words")
        return {"application": application, "conversation_id": conversation_id}

    async def aclose(self) -> None:
        self.closed = True


class Point:
    def __init__(self, loaded: Any) -> None:
        self.load = lambda: loaded


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TestClient]]:
    made: list[TestClient] = []

    def make(*readers: Any, **settings: Any) -> TestClient:
        monkeypatch.setattr(startup, "_KAFKA_TIMEOUT_S", 0.2)
        monkeypatch.setattr(live_reader, "entry_points", lambda **_: [Point(reader) for reader in readers])
        keys = tmp_path / "keys.json"
        key = make_key("shop", frozenset({"producer", "reader"}))
        FileKeyStore(keys).add(key.key)
        given = GatewaySettings(gateway_keys=str(keys), gateway_ack_timeout_s=0.2, **settings)
        app = create_app(given, AWAY)
        client = TestClient(
            app, headers={"Authorization": f"Bearer {key.secret}"}, raise_server_exceptions=False
        )
        made.append(client.__enter__())
        return made[-1]

    yield make
    for each in made:
        each.__exit__(None, None, None)


def test_before_the_keys_are_read_nobody_is_refused(client: Callable[..., TestClient]) -> None:
    one = client()
    known = one.app.state.services.authenticator.known  # type: ignore[attr-defined]  # a Starlette app
    read, known.keys = known.keys, None
    wait = one.get("/v1/conversations/c1")
    assert (wait.status_code, wait.headers["retry-after"]) == (503, "2")
    assert "have not been read yet" in wait.json()["detail"]
    known.keys = read
    assert one.get("/v1/conversations/c1").status_code != 503


def test_without_a_reader_conversations_are_not_there(client: Callable[..., TestClient]) -> None:
    answer = client().get("/v1/conversations/c1")
    assert answer.status_code == 501
    assert answer.json()["type"] == "urn:plaudit:problem:not-installed"


def test_a_reader_that_a_member_offers_is_asked(client: Callable[..., TestClient]) -> None:
    made = client(Reader)
    assert made.get("/v1/conversations/a/b").json() == {"application": "shop", "conversation_id": "a/b"}
    assert made.get("/v1/conversations/none").status_code == 404
    away = made.get("/v1/conversations/away")
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")


def test_without_kafka_and_redis_it_says_so(client: Callable[..., TestClient]) -> None:
    made = client()
    ready = made.get("/health/ready")
    assert ready.status_code == 503
    assert "Kafka" in ready.json()["reason"]
    assert "Redis" in ready.json()["degraded"]
    assert made.get("/health/live").status_code == 200
    assert made.post("/v1/tokens", json={}).status_code == 503
    event = {"conversation_id": "c1", "body": {"type": "EndConversation"}}
    first, second = made.post("/v1/events", json=event), made.post("/v1/events", json=event)
    assert (first.status_code, second.status_code) == (503, 503)
    assert first.json()["results"][0]["reason"] == "unavailable"
    assert "plaudit_gateway_limits_skipped_total" in made.get("/metrics").text
    call = {"gen_ai.request.model": "m", "gen_ai.prompt": "Hi"}
    telemetry = made.post("/v1/traces", json=traces(span(0, call)))
    assert (telemetry.status_code, telemetry.headers["retry-after"]) == (503, "2")


def test_a_key_file_that_goes_is_counted_and_said_and_locks_nobody_out(
    client: Callable[..., TestClient], tmp_path: Path
) -> None:
    made = client()
    services = made.app.state.services  # type: ignore[attr-defined]  # Starlette's
    (tmp_path / "keys.json").unlink()
    asyncio.run(services.authenticator.refresh())
    assert made.post("/v1/events", json={}).status_code == 422, "it is still let in"
    assert "no key file" in made.get("/health/ready").json()["degraded"]
    shown = made.get("/metrics").text
    assert "plaudit_gateway_key_reads_failed_total 1.0" in shown
    assert "plaudit_gateway_keys 1.0" in shown
    assert "plaudit_gateway_keys_lost 0.0" in shown


def test_callers_who_are_refused_are_counted_from_the_first(client: Callable[..., TestClient]) -> None:
    made = client(gateway_token_secret="k1:" + "s" * 32)  # a made-up one
    name = "plaudit_gateway_callers_refused_total"
    assert [f'{name}{{status="{status}"}} 0.0' in made.get("/metrics").text for status in (401, 403)] == [
        True
    ] * 2
    assert made.post("/v1/events", json={}, headers={"Authorization": "Bearer x"}).status_code == 401
    assert made.post("/v1/label-studio", json={}).status_code == 403
    assert [f'{name}{{status="{status}"}} 1.0' in made.get("/metrics").text for status in (401, 403)] == [
        True
    ] * 2


def test_while_librdkafka_gives_up_the_gateway_takes_nothing(
    client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client()
    services = made.app.state.services  # type: ignore[attr-defined]  # Starlette's
    monkeypatch.setattr(services.checks, "kafka", None)
    assert services.unready() is None
    monkeypatch.setattr(RenewingClient, "failing", True)
    assert "librdkafka gave up" in made.get("/health/ready").json()["reason"]
    monkeypatch.setattr(services.checks, "began", True)
    ready = made.get("/health/ready")
    assert ready.status_code == 200
    assert "librdkafka gave up" in ready.json()["degraded"]
    services.update_gauges()
    assert services.metrics.value("plaudit_gateway_taking_events") == 0


def test_with_configured_keys_tokens_need_no_redis(client: Callable[..., TestClient]) -> None:
    made = client(gateway_token_secret="k1:" + "s" * 32)  # a made-up one
    token = made.post("/v1/tokens", json={}).json()["token"]
    answer = made.post("/v1/events", json={}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 422


def test_what_breaks_is_a_problem_and_tells_nothing(client: Callable[..., TestClient]) -> None:
    answer = client(Reader).get("/v1/conversations/breaks")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "private" not in answer.text


@pytest.fixture
def collector() -> Iterator[None]:
    """A gateway tunes the garbage collector of its process; ours goes on."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    keys = str(tmp_path / "keys.json")
    given = GatewaySettings(gateway_port=0, gateway_redact="nowhere:hook", gateway_keys=keys)
    with pytest.raises(KeyStoreError, match=r"no key file .*keys\.json; `plaudit keys create` makes it"):
        run_gateway(given, AWAY, HttpSettings(), log_level="ERROR")
    FileKeyStore(tmp_path / "keys.json").write(KeyBook({}))
    with pytest.raises(SettingsError, match="PLAUDIT_GATEWAY_REDACT"):
        run_gateway(given, AWAY, HttpSettings(), log_level="ERROR")
    with pytest.raises(ServiceUnavailableError, match="cannot be bound"):
        run_gateway(GatewaySettings(gateway_host="192.0.2.1"), AWAY, HttpSettings(), log_level="ERROR")
