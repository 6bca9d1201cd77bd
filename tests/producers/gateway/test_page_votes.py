"""A page behind the ASGI middleware votes with the token that it gets there."""

from typing import Any

import pytest
from plaudit_producers.integrations.page_tokens import PageTokens
from plaudit_producers.sdk.message_ids import carrying_id

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.asgi_visits import client
from tests.support.gateway import like

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.mark.slow
def test_a_page_votes_in_its_visitors_conversation_and_in_no_other(gateway: Gateway) -> None:
    one = client(tokens=PageTokens(gateway.url, gateway.key("producer")))
    conversation = one.get("/where").json()["id"]
    asked: list[Any] = []

    def given() -> bool:  # the gateway knows a new key after some seconds
        asked.append(one.post("/plaudit/token"))
        return bool(asked[-1].status_code == 200)

    eventually(given, "the gateway knows the key", 60)
    token = asked[-1].json()
    assert token["conversation_id"] == conversation
    message_id = carrying_id("A" * 26, conversation)
    with gateway.client(token["token"]) as page:
        assert page.post("/v1/events", json=like(message_id, conversation)).status_code == 200
        assert page.post("/v1/events", json=like(message_id, "order-17")).status_code == 403
