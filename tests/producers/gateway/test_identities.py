"""Two conversations with similar ids share nothing at the gateway."""

from collections.abc import Callable

import pytest

from harness.gateway import Gateway
from tests.support.awkward_ids import AWKWARD_IDS
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import message

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_each_conversation_has_its_own_limit_and_its_own_events(gateways: Callable[..., Gateway]) -> None:
    gateway = gateways(gateway_page_rate="0.001")  # one event, and then none for a long time
    secret = gateway.key("producer")
    gateway.start()
    with gateway.client(secret) as server:
        tokens = {
            each: server.post("/v1/tokens", json={"conversation_id": each}).json()["token"]
            for each in AWKWARD_IDS
        }
    event = {**message("hi", None), "event_id": "the same in all"}
    for status in (200, 429):
        for conversation, token in tokens.items():
            with gateway.client(token) as page:
                assert page.post("/v1/events", json=event).status_code == status, repr(conversation)
    found = by_conversation(read_log(gateway.connection))
    assert {conversation: len(events) for conversation, events in found.items()} == dict.fromkeys(
        AWKWARD_IDS, 1
    )
