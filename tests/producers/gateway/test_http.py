"""The gateway's answers on real servers: statuses, problems, headers, and what the log of it holds."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from plaudit_producers.gateway.access.api_keys import key_id_of
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.intake.events import MAX_BODY_BYTES, MAX_EVENTS

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import ids, known_key, like, message

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture(scope="module")
def keys(gateway: Gateway) -> dict[str, str]:
    made = {role: gateway.key(role) for role in ("producer", "reviewer", "reader")}
    return {**made, "admin": known_key(gateway, "admin")}


@pytest.fixture
def client(gateway: Gateway, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with gateway.client(keys["producer"]) as made:
        yield made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"].startswith("urn:plaudit:problem:")
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    return body


def test_nobody_gets_in_without_a_key_or_token(gateway: Gateway) -> None:
    for credential in (None, "plk_", "plk_abc_def", "a.b.c"):
        with gateway.client(credential) as stranger:
            for path in ("/v1/events", "/v1/tokens"):
                assert "bearer" in stranger.post(path, json={}).headers["www-authenticate"].lower()
                problem(stranger.post(path, json=message("x")), 401)
            problem(stranger.get("/v1/conversations/c1"), 401)
    with gateway.client() as stranger:
        problem(stranger.post("/v1/beacon", content=json.dumps({"token": "x", "events": [like("m")]})), 401)


def test_a_role_is_needed(gateway: Gateway, keys: dict[str, str]) -> None:
    with gateway.client(keys["reader"]) as reader:
        assert problem(reader.post("/v1/events", json=message("x")), 403)["accepted"] == 0
        problem(reader.post("/v1/tokens", json={}), 403)
    with gateway.client(keys["producer"]) as producer:
        problem(producer.get("/v1/conversations/c1"), 403)
        erase = {"conversation_id": "gone", "body": {"type": "EraseConversation"}}
        problem(producer.post("/v1/events", json=erase), 403)
    with gateway.client(keys["admin"]) as admin:
        assert admin.post("/v1/events", json=erase).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"\xff\xfe", id="broken utf-8"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"[]", id="an empty list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"body": 1}', id="a body that is a number"),
        pytest.param(b'["\\ud800"]', id="a lone surrogate"),
        pytest.param(b"[" * 2000, id="nested too deeply"),
    ],
)
def test_what_is_no_event_is_invalid(client: httpx.Client, body: bytes) -> None:
    problem(client.post("/v1/events", content=body), 422)
    problem(client.post("/v1/beacon", content=body), 422)


def test_sizes_are_limited_before_all_is_read(client: httpx.Client, gateway: Gateway) -> None:
    def endless() -> Iterator[bytes]:
        sent = 0
        while sent < 100 * MAX_BODY_BYTES:
            yield b" " * 65536
            sent += 65536

    def refused(content: Any) -> bool:
        try:
            return client.post("/v1/events", content=content).status_code == 413
        except httpx.TransportError:  # the gateway hung up while we wrote
            return True

    assert refused(b" " * (MAX_BODY_BYTES + 1))
    assert refused(endless())
    held = "plaudit_gateway_request_bytes"
    eventually(lambda: gateway.metric(held) == 0, "nothing is held")
    problem(client.post("/v1/beacon", content=b" " * 70_000), 413)
    problem(client.post("/v1/events", json=[like("m")] * (MAX_EVENTS + 1)), 413)
    problem(client.post("/v1/tokens", content=b" " * 20_000), 413)


def test_the_largest_of_each_is_taken(client: httpx.Client, gateway: Gateway) -> None:
    many = client.post("/v1/events", json=[like("m", "many")] * MAX_EVENTS)
    assert (many.status_code, many.json()["accepted"]) == (200, MAX_EVENTS)
    large = client.post("/v1/events", json=message("\U0001f600" * (2**20 // 4), "large"))
    assert large.status_code == 200
    problem(client.post("/v1/events", json=message("x" * (2**20 + 1), "large")), 422)
    both = {"content": "x" * 2**20, "reasoning": "y" * 2**20}
    body = {"type": "AddMessage", "role": "assistant", **both}
    problem(client.post("/v1/events", json={"conversation_id": "large", "body": body}), 422)
    found = by_conversation(read_log(gateway.connection))
    assert (len(found["many"]), len(found["large"])) == (MAX_EVENTS, 1)


def test_an_event_sent_again_keeps_its_id(client: httpx.Client) -> None:
    first = client.post("/v1/events", json=message("x", "again"))
    [made] = ids(first)
    again = client.post("/v1/events", json={**message("x", "again"), "event_id": made})
    assert ids(again) == [made]


def token_of(client: httpx.Client, **wanted: Any) -> dict[str, Any]:
    answer = client.post("/v1/tokens", json=wanted)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_page_writes_its_conversation_and_no_other(client: httpx.Client, gateway: Gateway) -> None:
    made = token_of(client, user_id="u-1")
    with gateway.client(made["token"]) as page:
        taken = page.post("/v1/events", json=[message("hi", None), message("hi", "other"), like("m", None)])
        assert taken.status_code == 207
        assert [each["status"] for each in taken.json()["results"]] == ["accepted", "refused", "accepted"]
        problem(page.post("/v1/tokens", json={}), 403)
        problem(page.get(f"/v1/conversations/{made['conversation_id']}"), 403)
    body = json.dumps({"token": made["token"], "events": [like("m", made["conversation_id"])]})
    assert httpx.post(f"{gateway.url}/v1/beacon", content=body).status_code == 200
    found = by_conversation(read_log(gateway.connection))
    assert len(found[made["conversation_id"]]) == 3
    assert "other" not in found


def test_a_beacon_takes_no_api_key(gateway: Gateway, keys: dict[str, str]) -> None:
    body = json.dumps({"token": keys["admin"], "events": [like("m")]})
    problem(httpx.post(f"{gateway.url}/v1/beacon", content=body), 403)


def test_a_token_is_as_short_as_asked_and_no_longer_than_allowed(client: httpx.Client) -> None:
    now = time.time()
    assert token_of(client, lifetime_s=1)["expires_at"] <= now + 10
    assert token_of(client, lifetime_s=10**9)["expires_at"] <= now + 3600 + 60
    assert token_of(client, conversation_id="mine")["conversation_id"] == "mine"
    wrongs: list[Any] = [{"lifetime_s": 0}, {"roles": ["system"]}, {"conversation_id": ""}, {"more": 1}, []]
    for wrong in wrongs:
        problem(client.post("/v1/tokens", json=wrong), 422)


def test_a_revoked_key_and_its_tokens_are_refused(gateway: Gateway) -> None:
    secret = gateway.key("producer")
    with gateway.client(secret) as server:
        eventually(lambda: server.post("/v1/tokens", json={}).status_code == 200, "the key is known")
        page = gateway.client(token_of(server)["token"])
        assert page.post("/v1/events", json=like("m", None)).status_code == 200
        FileKeyStore(gateway.folder / "keys.json").revoke(str(key_id_of(secret)))
        eventually(lambda: server.post("/v1/tokens", json={}).status_code == 401, "the key is refused")
        problem(page.post("/v1/events", json=like("m", None)), 401)
        page.close()


def test_other_paths_and_methods_are_problems_too(client: httpx.Client) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get("/v1/events"), 405)
    assert client.get("/v1/events").headers["allow"] == "POST"
    problem(client.get("/v1/conversations/"), 403)


@pytest.mark.parametrize(
    "path",
    ["/", "/dashboard", "/dashboard/stream", "/sign-in"],
    ids=["root", "dashboard", "stream", "sign-in"],
)
def test_the_pages_for_the_team_are_not_here(client: httpx.Client, path: str) -> None:
    problem(client.get(path), 404)


def test_health_metrics_and_documents(gateway: Gateway, client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready", "reason": None}
    before = gateway.metric('plaudit_gateway_events_accepted_total{from="server"}')
    client.post("/v1/events", json=[like("m"), like("m"), {}])
    assert gateway.metric('plaudit_gateway_events_accepted_total{from="server"}') == before + 2
    assert gateway.metric('plaudit_gateway_events_refused_total{reason="invalid"}') >= 1
    assert client.get("/plaudit.js").headers["content-type"].startswith("text/javascript")
    assert "connect" in client.get("/plaudit.d.ts").text
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/events", "/v1/tokens", "/v1/beacon"} <= set(paths)


def test_the_log_has_no_content_no_secret_and_no_conversation(gateway: Gateway, client: httpx.Client) -> None:
    made = token_of(client, conversation_id="private-conversation", user_id="private-user")
    client.post("/v1/events", json=message("private words", "private-conversation"))
    client.get("/v1/conversations/private-conversation?token=private-query")
    eventually(lambda: '"route":"/v1/tokens"' in gateway.log(), "the requests are in the log")
    assert "private" not in gateway.log()
    assert made["token"] not in gateway.log()
    assert client.headers["authorization"].partition(" ")[2] not in gateway.log()


@pytest.mark.slow
def test_cors_is_by_configuration(gateways: Callable[..., Gateway]) -> None:
    made = gateways(gateway_cors_origins="https://chat.example,https://two.example")
    secret = made.key()
    made.start()
    ask = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    with made.client(secret) as client:
        allowed = client.options("/v1/events", headers={**ask, "Origin": "https://chat.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://chat.example"
        for header in ("authorization", "idempotency-key"):
            assert header in allowed.headers["access-control-allow-headers"].lower()
        denied = client.options("/v1/events", headers={**ask, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in denied.headers
        answer = client.post("/v1/events", json={}, headers={"Origin": "https://two.example"})
        assert answer.headers["access-control-allow-origin"] == "https://two.example"
        assert problem(answer, 422)
    assert made.stop() == 0
    [line] = [row for row in made.log().splitlines() if '"route":"/v1/events"' in row]
    assert {"method": "POST", "status": 422, "application": "shop"}.items() <= json.loads(line).items()
