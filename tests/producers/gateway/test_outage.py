"""Kafka goes away under load and comes back: what was answered 2xx is in the log, each event once."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_schemas.contract.events import AddMessage
from plaudit_schemas.contract.ulid import new_ulid

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import ids, message

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


class Sender:
    """A client that behaves: small batches, each sent again with its ids until all is accepted."""

    def __init__(self, gateway: Gateway, secret: str, number: int) -> None:
        self.gateway, self.secret, self.number = gateway, secret, number
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.refusal = ""
        self.longest_s = 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self.gateway.client(self.secret) as client:
            count = 0
            while not self.stop.is_set():
                said = [message(f"{count + n}", f"chat {self.number}") for n in range(5)]
                batch = [{**event, "event_id": new_ulid()} for event in said]
                count += 5
                self._until_accepted(client, batch)
                time.sleep(0.01)

    def _until_accepted(self, client: httpx.Client, batch: list[dict[str, Any]]) -> None:
        for _ in range(1000):
            started = time.monotonic()
            answer = client.post("/v1/events", json=batch)
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            self.statuses[answer.status_code] += 1
            self.accepted += ids(answer)
            if answer.status_code == 200:
                return
            assert answer.status_code == 503, answer.text
            self.refusal = answer.text
            assert int(answer.headers["retry-after"]) >= 1
            time.sleep(0.2)
        pytest.fail("never accepted")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_accepted_is_lost_and_nothing_is_doubled(
    gateways: Callable[..., Gateway], kafka_server: Callable[[], KafkaServer], how: str
) -> None:
    server = kafka_server()
    gateway = gateways(kafka=server.address, gateway_ack_timeout_s="1")
    secret = gateway.key()
    gateway.start()
    senders = [Sender(gateway, secret, number) for number in range(4)]
    try:
        eventually(lambda: all(len(each.accepted) > 50 for each in senders), "events to flow")
        getattr(server, how)()
        eventually(lambda: all(each.statuses[503] > 10 for each in senders), "the outage to show")
        ready = httpx.get(f"{gateway.url}/health/ready", timeout=30)
        assert ready.status_code == 200, "its clients should get their 503 with Retry-After"
        assert "Kafka" in ready.json()["degraded"]
        assert gateway.metric("plaudit_gateway_events_waiting") < 200
        server.start()
        before = [len(each.accepted) for each in senders]
        eventually(
            lambda: all(len(each.accepted) > n + 50 for each, n in zip(senders, before, strict=True)),
            "events to flow again",
        )
    finally:
        for each in senders:
            each.stop.set()
        for each in senders:
            each.thread.join(120)
        # pytest shows these if the test fails.
        print(*(f"{each.statuses} {each.refusal}" for each in senders), sep="\n")
        print(gateway.log()[-6000:], server.log.read_text()[-6000:], sep="\n")
    assert all(each.longest_s < 60 for each in senders), "waiting for Kafka ends with the time-out of 1 s"
    log = read_log(gateway.connection)
    times = Counter(logged.event.event_id for logged in log)
    accepted = {name for each in senders for name in each.accepted}
    assert set(times) == accepted
    assert set(times.values()) == {1}
    for each in senders:
        chat = by_conversation(log)[f"chat {each.number}"]
        said = [event.body.content for event in chat if isinstance(event.body, AddMessage)]
        assert said == [str(n) for n in range(len(said))]


def test_a_gateway_without_kafka_says_so_in_time(gateways: Callable[..., Gateway], kafka: str) -> None:
    gateway = gateways(gateway_ack_timeout_s="1")
    gateway.connection = gateway.connection.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    secret = gateway.key()
    gateway.start(ready=False)
    with gateway.client(secret) as client:
        eventually(lambda: client.get("/health/ready").status_code == 503, "it is not ready")
        assert "Kafka" in client.get("/health/ready").json()["reason"]
        answer = client.post("/v1/events", json=message("x"))  # within the client's time-out
        assert (answer.status_code, answer.json()["results"][0]["reason"]) == (503, "unavailable")
        assert answer.headers["retry-after"]


def test_a_topic_that_is_missing_is_named(gateways: Callable[..., Gateway]) -> None:
    gateway = gateways()
    gateway.connection = gateway.connection.model_copy(update={"topic_prefix": "nobody-made-these-"})
    gateway.start(ready=False)
    with gateway.client() as client:
        eventually(lambda: "does not exist" in client.get("/health/ready").text, "the topic is named")
