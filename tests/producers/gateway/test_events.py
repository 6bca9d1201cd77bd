"""Events over HTTP on real servers: accepted means in Kafka, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.gateway import Gateway
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import ids, known_key, like, message

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

TEXTS = ["  leading blanks", "", "\U0001f600 beyond the BMP \U0001d11e", "a\u0000b\r\n\ttab", "é e\u0301"]


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "producer", "reader")


def test_accepted_events_are_in_kafka_as_they_were_sent(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        single = client.post("/v1/events", json=message(TEXTS[0], "whole"))
        batch = client.post("/v1/events", json=[message(text, "whole") for text in TEXTS[1:]])
    assert (single.status_code, batch.status_code) == (200, 200)
    assert batch.json()["accepted"] == len(TEXTS) - 1
    events = by_conversation(read_log(gateway.connection))["whole"]
    assert [event.body.content for event in events if hasattr(event.body, "content")] == TEXTS
    assert [event.event_id for event in events] == ids(single) + ids(batch)
    assert {(event.application, event.source) for event in events} == {("shop", "gateway")}


def test_what_is_refused_is_named_and_the_rest_is_accepted(gateway: Gateway, key: str) -> None:
    events = [
        {**message("fine", "mixed"), "event_id": "e1"},
        {**message("no role", "mixed", role="nobody"), "event_id": "e2"},
        {**like("m1", "mixed", kind="reviewer"), "event_id": "e3"},
        {"nonsense": True},
        17,
    ]
    with gateway.client(key) as client:
        answer = client.post("/v1/events", json=events)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [(result["event_id"], result.get("reason")) for result in results] == [
        ("e1", None), ("e2", "invalid"), ("e3", "forbidden"), (None, "invalid"), (None, "invalid"),
    ]  # fmt: skip
    assert "role must be one of" in results[1]["detail"]
    assert [event.event_id for event in by_conversation(read_log(gateway.connection))["mixed"]] == ["e1"]


def test_what_a_page_sends_again_by_beacon_is_in_kafka_once(gateway: Gateway, key: str) -> None:
    event = {**message("last words", "left"), "event_id": "last"}
    with gateway.client(key) as server:
        token = server.post("/v1/tokens", json={"conversation_id": "left"}).json()["token"]
    with gateway.client(token) as page:
        answers = [
            page.post("/v1/events", json=event),
            page.post("/v1/beacon", json={"token": token, "events": [event]}),
            page.post("/v1/events", json=event),
        ]
    assert [ids(answer) for answer in answers] == [["last"]] * 3
    assert len(by_conversation(read_log(gateway.connection))["left"]) == 1


def test_an_event_that_a_request_repeats_is_in_kafka_once(gateway: Gateway, key: str) -> None:
    event = {**message("said once", "repeats"), "event_id": "e-1"}
    between = {**message("between", "repeats"), "event_id": "e-2"}
    with gateway.client(key) as client:
        answer = client.post("/v1/events", json=[event, between, event, event])
    assert (answer.status_code, answer.json()["accepted"]) == (200, 4)
    assert [result["event_id"] for result in answer.json()["results"]] == ["e-1", "e-2", "e-1", "e-1"]
    found = by_conversation(read_log(gateway.connection))["repeats"]
    assert [each.event_id for each in found] == ["e-1", "e-2"]


_ASPECTS = """
version: 1
applications:
  shop: [{name: helpfulness, kinds: [thumb], levels: [message], direction: higher_is_better}]
"""


@pytest.mark.slow
def test_undeclared_aspects_are_refused_at_the_door_and_counted(
    gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    (tmp_path / "aspects.yaml").write_text(_ASPECTS)
    door = gateways(aspects=str(tmp_path / "aspects.yaml"))
    door.start()
    events = []
    for number, aspect in enumerate(("helpfulness", "helpfullness", "satisfaction")):
        event = {**like("m1", "aspects"), "event_id": f"a{number}"}
        event["body"]["feedback"]["aspect"] = aspect
        events.append(event)
    with door.client(known_key(door, "producer", "reader")) as server:
        token = server.post("/v1/tokens", json={"conversation_id": "aspects"}).json()["token"]
    with door.client(token) as page:
        answer = page.post("/v1/events", json=events)
    assert answer.status_code == 207
    assert ids(answer) == ["a0", "a2"]
    refused = answer.json()["results"][1]
    assert refused["reason"] == "invalid"
    assert "did you mean helpfulness?" in refused["detail"]
    assert door.metric('plaudit_gateway_events_refused_total{reason="invalid"}') == 1
    logged = by_conversation(read_log(door.connection))["aspects"]
    assert [event.event_id for event in logged] == ["a0", "a2"]
    assert door.stop() == 0


@pytest.mark.slow
def test_a_gateway_with_a_wrong_file_of_aspects_does_not_start(
    gateways: Callable[..., Gateway], tmp_path: Path
) -> None:
    door = gateways(aspects=str(tmp_path / "none.yaml"))
    with pytest.raises(AssertionError, match=r"none\.yaml cannot be read"):
        door.launch()
