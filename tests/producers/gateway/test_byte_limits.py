"""Bytes a second of pages, keys and applications, at every door of a real gateway."""

import gzip
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from harness.gateway import Gateway
from tests.support.gateway import like, message

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

MIB = 2**20
BUCKET = 16 * MIB  # of a key or an application with a small rate: the largest batch
DOORS = (
    "/v1/events",
    "/feedback",
    "/v1/traces",
    "/v1/logs",
    "/v1/litellm",
    "/v1/open-webui",
    "/v1/label-studio",
)
JSON = {"content-type": "application/json"}


def drain(client: httpx.Client, *, left: int) -> None:
    """Use a full bucket up to a rest. What is sent is no JSON, and costs the same."""
    rest = BUCKET - left
    while rest:
        size = min(rest, 5 * MIB)
        assert client.post("/v1/events", content=b" " * size).status_code == 422
        rest -= size


def is_over(answer: httpx.Response, whose: str) -> bool:
    """Whether an answer says that somebody is over the limit of bytes, and when to try again."""
    told = answer.json()["detail"] == f"over the bytes a second limit of this {whose}; try again later"
    return answer.status_code == 429 and told and int(answer.headers["retry-after"]) >= 1


@pytest.mark.slow
def test_a_page_over_its_bytes_hurts_neither_its_server_nor_another_page(
    gateways: Callable[..., Gateway],
) -> None:
    made = gateways(gateway_page_bytes="1", gateway_page_rate="1000")
    secret = made.key()
    made.start()
    large = message("x" * 500_000, None)
    with made.client(secret) as server:
        tokens = [server.post("/v1/tokens", json={}).json()["token"] for _ in range(2)]
        with made.client(tokens[0]) as greedy, made.client(tokens[1]) as modest:
            answers = [greedy.post("/v1/events", json=large) for _ in range(12)]
            assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 8
            assert is_over(answers[-1], "page")
            small = greedy.post("/v1/events", json=like("m", None))
            assert small.status_code == 200, "what fits is taken"
            beacon = {"token": tokens[0], "events": [message("x" * 50_000, None)]}
            beacons = [httpx.post(f"{made.url}/v1/beacon", json=beacon, timeout=60) for _ in range(2)]
            assert (beacons[0].status_code, is_over(beacons[1], "page")) == (200, True)
            assert modest.post("/v1/events", json=large).status_code == 200
        assert server.post("/v1/events", json=message("x" * 500_000)).status_code == 200
    assert made.metric('plaudit_gateway_limited_total{bucket="page-bytes"}') == 9


@pytest.mark.slow
def test_every_door_is_closed_to_a_key_over_its_bytes(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret, another = made.key("admin", byte_rate=1), made.key("admin")
    made.start()
    with made.client(secret) as client, made.client(another) as other:
        drain(client, left=100)
        body = b"[]" + b" " * 200
        over = {
            door: is_over(client.post(door, content=body, headers=JSON), "key")
            for door in (*DOORS, "/v1/tokens")
        }
        assert over == dict.fromkeys(over, True)
        assert other.post("/v1/events", json=like("m")).status_code == 200


@pytest.mark.slow
def test_what_is_announced_is_refused_unread(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret = made.key(byte_rate=1)
    made.start()
    with made.client(secret) as client:
        drain(client, left=1000)
    place = urlsplit(made.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
        head = (
            "POST /v1/events HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {secret}",
            "Content-Length: 5000",
        )
        connection.sendall("\r\n".join((*head, "", "")).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 429")


@pytest.mark.slow
def test_what_a_body_inflates_to_is_paid(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret = made.key(byte_rate=1)
    made.start()
    headers = {"content-encoding": "gzip", "content-type": "application/x-protobuf"}
    with made.client(secret) as client:
        drain(client, left=MIB)
        answers = [
            client.post("/v1/traces", content=gzip.compress(b"\0" * size), headers=headers)
            for size in (2 * MIB, 1000)
        ]
    assert is_over(answers[0], "key")
    # A little over 1 MiB is missing, at a byte a second, and what was announced is paid again.
    assert int(answers[0].headers["retry-after"]) > MIB
    assert answers[1].status_code == 400


@pytest.mark.slow
def test_an_application_over_its_bytes_hurts_no_other(gateways: Callable[..., Gateway]) -> None:
    made = gateways(gateway_application_bytes="1", gateway_page_bytes="1")
    secrets = [made.key(), made.key(), made.key(application="other")]
    made.start()
    first, second, other = (made.client(secret) for secret in secrets)
    with first, second, other:
        token = first.post("/v1/tokens", json={}).json()["token"]
        with made.client(token) as page:  # over its own limit it takes nothing from its application's
            sent = [page.post("/v1/events", content=b" " * MIB).status_code for _ in range(30)]
            assert sent == [422] * 2 + [429] * 28
        rest = BUCKET - 2 * MIB - 10_000
        for size in (5 * MIB, 5 * MIB, rest - 10 * MIB):
            assert first.post("/v1/events", content=b" " * size).status_code == 422
        assert is_over(second.post("/v1/events", content=b" " * 20_000), "application")
        assert other.post("/v1/events", json=like("m")).status_code == 200
