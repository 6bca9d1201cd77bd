"""API keys and browser tokens on real servers: Redis is emptied, a fleet is upgraded, a key is revoked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.api_keys import NewApiKey, make_key
from plaudit_producers.gateway.access.key_stores import KeyStore, key_store_of
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.gateway import make_gateway
from tests.support.key_stores import IN_KAFKA

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
EVENT = {"conversation_id": "c1", "body": {"type": "AddMessage", "role": "user", "content": "Hi"}}
PAGE_EVENT = {"body": {"type": "AddMessage", "role": "user", "content": "Hi"}}


@pytest.fixture
def gateway(kafka: str, valkey_server: Callable[[], ValkeyServer], tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with its keys in Kafka, and a Redis of its own; not started yet."""
    made = make_gateway(kafka, valkey_server().address, tmp_path, gateway_keys="kafka")
    yield made
    if made.process is not None:
        made.stop()


@pytest.fixture
def store(gateway: Gateway) -> Iterator[KeyStore]:
    made = key_store_of(IN_KAFKA, gateway.connection)
    yield made
    made.close()


def _redis(connection: ConnectionSettings) -> "redis.Redis":
    return redis.Redis.from_url(connection.redis_url.get_secret_value())


def _key() -> NewApiKey:
    return make_key("shop", frozenset({"producer", "reader"}))


def _status(gateway: Gateway, credential: str, event: object = EVENT) -> int:
    with gateway.client(credential) as client:
        return client.post("/v1/events", json=event).status_code


def test_an_emptied_redis_locks_nobody_out(gateway: Gateway, store: KeyStore) -> None:
    made = _key()
    store.add(made.key)
    gateway.start()
    assert _status(gateway, made.secret) == 200
    with gateway.client(made.secret) as client:
        token = client.post("/v1/tokens", json={"conversation_id": "c1"}).json()["token"]
    assert _status(gateway, token, PAGE_EVENT) == 200
    with _redis(gateway.connection) as client:
        client.flushall()
        signing = f"{gateway.connection.redis_prefix}plaudit:token-keys"
        eventually(lambda: client.exists(signing), "the gateway has put the signing keys back")
    assert _status(gateway, made.secret) == 200
    assert _status(gateway, token, PAGE_EVENT) == 200
    gateway.stop()
    gateway.start()
    assert _status(gateway, made.secret) == 200, "the key is in Kafka"
    assert _status(gateway, token, PAGE_EVENT) == 200, "its signing key was put back"
    store.revoke(made.key.id)
    eventually(lambda: _status(gateway, made.secret) == 401, "the key is refused")
    assert _status(gateway, token, PAGE_EVENT) == 401


def test_an_upgraded_gateway_takes_the_keys_of_the_release_before(gateway: Gateway, store: KeyStore) -> None:
    made, revoked = _key(), _key()
    kept = f"{gateway.connection.redis_prefix}plaudit:api-keys"
    with _redis(gateway.connection) as client:
        for each in (made.key, revoked.key):
            client.hset(kept, each.id, each.model_dump_json(exclude_none=True))
        gateway.start()
        assert _status(gateway, made.secret) == 200
        client.hdel(kept, revoked.key.id)  # as `plaudit keys revoke` of the release before
        eventually(lambda: _status(gateway, revoked.secret) == 401, "the key is refused")
        client.flushall()
        with gateway.client() as asked:
            eventually(
                lambda: made.key.id in str(asked.get("/health/ready").json().get("degraded")),
                "the gateway says that the key was lost",
            )
        assert _status(gateway, made.secret) == 200
        client.hset(kept, made.key.id, made.key.model_dump_json(exclude_none=True))
        store.add(_key().key)
        client.flushall()
    gateway.stop()
    gateway.start()
    assert _status(gateway, made.secret) == 200
