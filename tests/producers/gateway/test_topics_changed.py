"""A topic that is not the one of the workers' state: the gateway says so, and takes events on."""

from collections.abc import Callable

import httpx
import pytest
import redis
from plaudit_schemas.service.recorded_line import partitions_key, topic_ids_key
from plaudit_schemas.topics import EVENTS

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import PARTITIONS
from tests.support.gateway import message

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def _degraded(gateway: Gateway) -> str:
    answer = httpx.get(f"{gateway.url}/health/ready", timeout=30)
    assert answer.status_code == 200
    return str(answer.json().get("degraded", ""))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        pytest.param(partitions_key, str(PARTITIONS - 1), "topics copy", id="partitions were added"),
        pytest.param(topic_ids_key, "of-another-topic", "made anew", id="the topic was made anew"),
    ],
)
def test_a_changed_topic_degrades_the_gateway(
    gateways: Callable[..., Gateway], valkey: str, key: Callable[[str], str], value: str, told: str
) -> None:
    gateway = gateways()
    secret = gateway.key("producer")  # without any key a gateway is degraded, too
    gateway.start()
    assert _degraded(gateway) == ""
    assert gateway.metric("plaudit_gateway_topics_changed") == 0
    connection = gateway.connection
    with redis.Redis.from_url(valkey) as client:
        client.hset(key(connection.redis_prefix), connection.topic_prefix + EVENTS, value)
    eventually(lambda: told in _degraded(gateway), "the gateway notices")
    assert gateway.metric("plaudit_gateway_topics_changed") == 1
    assert gateway.metric("plaudit_gateway_ready") == 1
    with gateway.client(secret) as sender:
        eventually(
            lambda: sender.post("/v1/events", json=message("taken")).status_code == 200,
            "events are taken on",
        )
