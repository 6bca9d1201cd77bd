"""Kafka goes away: calls, votes and feedback of other systems are answered 200 only once Kafka has them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_schemas.contract.events import AddMessage, UpdateMessage

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import answers
from tests.support.litellm_payloads import payload
from tests.support.open_webui_votes import vote

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

ASKED: list[tuple[str, Any]] = [
    ("/v1/litellm", [payload(session_id="calls")]),
    ("/v1/open-webui", [vote("voted", "a", 1)]),
    ("/feedback", {"episode_id": "given", "metric_name": "ok", "value": True}),
]


def test_what_is_answered_200_is_in_kafka_and_counts_once(
    gateways: Callable[..., Gateway], kafka_server: Callable[[], KafkaServer]
) -> None:
    server = kafka_server()
    gateway = gateways(kafka=server.address, gateway_ack_timeout_s="1")
    secret = gateway.key("producer")
    gateway.start()
    with gateway.client(secret) as client:
        server.stop()
        for path, body in ASKED:
            headers = {"Idempotency-Key": "one vote"}
            answer = client.post(path, json=body, headers=headers)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True), answer.text
        missing = client.post(
            "/feedback", json={"inference_id": "chatcmpl-1", "metric_name": "ok", "value": True}
        )
        assert missing.status_code == 404  # a call that Kafka does not have is not known
        server.start()
        for path, body in ASKED:
            eventually(
                answers(client, path, body, 200, **{"Idempotency-Key": "one vote"}), f"{path} is answered"
            )
        vote_on = {"inference_id": "chatcmpl-1", "metric_name": "ok", "value": True}
        known = answers(client, "/feedback", vote_on, 200, **{"Idempotency-Key": "another vote"})
        eventually(known, "the call is known")
    log = read_log(gateway.connection)
    distinct = {logged.event.event_id: logged.event for logged in log}
    bodies = Counter(type(event.body) for event in distinct.values())
    assert (bodies[AddMessage], bodies[UpdateMessage]) == (3 + 3, 1 + 1 + 1)
    assert len({event.event_id for event in by_conversation(log)["given"]}) == 1
