"""Those who try: a fuzz of tokens and ids, and of everything that the OpenAPI document describes."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.gateway import Gateway
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import make_gateway, message

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

IDS = st.one_of(
    st.sampled_from(
        [
            "a", "a ", " a", "A", "a/b", "a%2Fb", "a\u0000", "a\u200b", "\u00e9", "e\u0301", "a" * 128,
            "shop/a", "../a", ".", "..", "a?b=c", "a#b", "null", "0", "\U0001f600",
        ]
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
)  # fmt: skip


@pytest.fixture(scope="module")
def fresh(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return make_gateway(kafka, valkey, tmp_path_factory.mktemp("gateway"), gateway_page_rate="100000")


def bearer(credential: bytes) -> dict[bytes, bytes]:
    return {b"Authorization": b"Bearer " + credential}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(mine=IDS, other=IDS, place=st.integers(0, 10_000), character=st.characters(codec="ascii"))
def attempts(client: httpx.Client, secret: str, mine: str, other: str, place: int, character: str) -> None:
    """A token for one conversation, tried on another; and the same token damaged."""
    asked = {"conversation_id": mine, "read": True}
    answer = client.post("/v1/tokens", json=asked, headers=bearer(secret.encode()))
    assert answer.status_code == 200, answer.text
    token = answer.json()["token"].encode()
    own = client.post("/v1/events", json=message(mine, mine), headers=bearer(token))
    assert own.status_code == 200, own.text
    if other != mine:
        into = client.post("/v1/events", json=message(f"into {other}", other), headers=bearer(token))
        assert into.status_code == 403
        read = client.get(f"/v1/conversations/{quote(other, safe='')}", headers=bearer(token))
        assert read.status_code in (403, 404)
    place %= len(token)
    damaged = token[:place] + character.encode() + token[place + 1 :]
    try:
        tried = client.post("/v1/events", json=message(mine, mine), headers=bearer(damaged))
    except httpx.LocalProtocolError:  # a header that cannot be sent
        return
    assert tried.status_code in (200, 400, 401)
    if tried.status_code == 200:  # the bits that mean nothing, or the same character
        assert tried.json()["accepted"] == 1


def test_no_token_writes_or_reads_another_conversation(fresh: Gateway) -> None:
    gateway = fresh
    secret = gateway.key("producer", "reader")
    gateway.start()
    try:
        with gateway.client() as client:
            attempts(client, secret)
        found = by_conversation(read_log(gateway.connection))
    finally:
        gateway.stop()
    assert found
    for conversation, events in found.items():
        assert {getattr(event.body, "content", None) for event in events} == {conversation}


def test_schemathesis_finds_no_server_error(fresh: Gateway, tmp_path: Path) -> None:
    gateway = fresh
    admin = gateway.key("admin")
    gateway.start()
    command = Path(sys.executable).with_name("st")
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    done = subprocess.run(
        [
            command, "run", f"{gateway.url}/openapi.json", "--checks", checks, "--max-examples", "40",
            "-H", f"Authorization: Bearer {admin}", "--workers", "1", "--no-color", "--seed", "1",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert gateway.ready()
    gateway.stop()
    assert "a request failed" not in gateway.log()
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
