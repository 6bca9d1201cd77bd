"""OTLP on a real gateway, Kafka and Redis: what is in the log afterwards, and what exporters are answered."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from plaudit_producers.gateway.intake.calls import MAX_MESSAGES
from plaudit_producers.gateway.intake.events import MAX_BATCH_BYTES
from plaudit_schemas.contract.events import AddMessage, StartConversation, UpdateMessage

from harness.gateway import Gateway
from tests.support.event_log import Logged, read_log
from tests.support.gateway import known_key
from tests.support.otlp import as_json, as_protobuf, event, log, logs, span, traces
from tests.support.services import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture(scope="module")
def keys(gateway: Gateway) -> dict[str, str]:
    made = {role: gateway.key(role) for role in ("producer", "reader")}
    return {**made, "both": known_key(gateway, "producer", "reviewer")}


@pytest.fixture(scope="module")
def client(gateway: Gateway, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with gateway.client(keys["both"]) as made:
        yield made


def chat(conversation: str, *turns: str, **more: Any) -> dict[str, Any]:
    """Attributes of a call: the last turn is its answer."""
    roles = ["user", "assistant"]
    said = [
        {"role": roles[number % 2], "parts": [{"type": "text", "content": turn}]}
        for number, turn in enumerate(turns)
    ]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.conversation.id": conversation,
        "gen_ai.input.messages": json.dumps(said[:-1]),
        "gen_ai.output.messages": json.dumps(said[-1:]),
        **more,
    }


def sent(client: httpx.Client, request: dict[str, Any], path: str = "/v1/traces") -> dict[str, Any]:
    answer = client.post(path, content=as_json(request), headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


def logged(gateway: Gateway, conversation: str) -> list[Logged]:
    return [each for each in read_log(gateway.connection) if each.event.conversation_id == conversation]


def said(gateway: Gateway, conversation: str) -> list[tuple[str, str]]:
    return [
        (each.event.body.role, each.event.body.content)
        for each in logged(gateway, conversation)
        if isinstance(each.event.body, AddMessage)
    ]


def feedback(gateway: Gateway, conversation: str) -> list[UpdateMessage]:
    bodies = [each.event.body for each in logged(gateway, conversation)]
    return [body for body in bodies if isinstance(body, UpdateMessage)]


def test_a_chat_of_two_calls_is_one_conversation(gateway: Gateway, client: httpx.Client) -> None:
    first, second = chat("two", "Hi", "Hello"), chat("two", "Hi", "Hello", "And?", "Fine")
    assert sent(client, traces(span(1, second), span(0, first))) == {}
    assert said(gateway, "two") == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And?"),
        ("assistant", "Fine"),
    ]
    start, *_, last = (each.event.body for each in logged(gateway, "two"))
    assert isinstance(start, StartConversation)
    assert start.tags == {"service": "shop"}
    assert isinstance(last, AddMessage)
    assert last.model is not None
    assert (last.model.id, last.latency_ms) == ("m", 250)


@pytest.mark.parametrize("encoding", ["JSON", "protobuf"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_encoding_is_taken(gateway: Gateway, client: httpx.Client, encoding: str, zipped: bool) -> None:
    conversation = f"encoded-{encoding}-{zipped}"
    request = traces(span(0, chat(conversation, "Hi", "Hello")))
    body = as_json(request) if encoding == "JSON" else as_protobuf(request)
    headers = dict(JSON if encoding == "JSON" else PROTOBUF)
    if zipped:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, headers["Content-Type"])
    assert said(gateway, conversation) == [("user", "Hi"), ("assistant", "Hello")]


def test_spans_that_come_twice_count_once(gateway: Gateway, client: httpx.Client) -> None:
    request = traces(span(0, chat("twice", "Hi", "Hello")), span(0, chat("twice", "Hi", "Hello")))
    for _ in range(2):
        sent(client, request)
    assert len(logged(gateway, "twice")) == 3


@pytest.mark.slow
def test_ten_thousand_spans_are_taken(gateway: Gateway, client: httpx.Client) -> None:
    calls = [
        span(number, chat(f"many-{number % 500}", f"Q{number}", f"A{number}")) for number in range(2_000)
    ]
    others = [span(number, {"http.route": "/"}) for number in range(8_000)]
    answer = client.post("/v1/traces", content=as_protobuf(traces(*others, *calls)), headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    answers = [
        each.event.body.content
        for each in read_log(gateway.connection)
        if isinstance(each.event.body, AddMessage) and each.event.conversation_id.startswith("many-")
    ]
    assert len(set(answers)) == 4_000
    counted = 'plaudit_gateway_telemetry_total{outcome="%s",signal="traces"}'
    assert gateway.metric(counted % "ignored") >= 8_000
    assert gateway.metric(counted % "recorded") >= 2_000


def test_an_evaluation_finds_its_answer(gateway: Gateway, client: httpx.Client) -> None:
    score = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.5}
    attributes = chat("judged", "Hi", "Hello", **{"gen_ai.response.id": "chatcmpl-judged"})
    trace = "1" * 32
    sent(
        client,
        traces(span(40, attributes, trace=trace, events=[event("gen_ai.evaluation.result", score)])),
    )
    by_span = log("gen_ai.evaluation.result", {**score, "gen_ai.evaluation.name": "tone"}, number=40)
    by_response = {**score, "gen_ai.evaluation.name": "truth", "gen_ai.response.id": "chatcmpl-judged"}
    later = logs({**by_span, "traceId": trace}, log("gen_ai.evaluation.result", by_response, spanId=""))
    assert sent(client, later, "/v1/logs") == {}
    [answer] = [
        each.event.body.message_id
        for each in logged(gateway, "judged")
        if isinstance(each.event.body, AddMessage) and each.event.body.role == "assistant"
    ]
    found = feedback(gateway, "judged")
    assert {each.feedback.aspect for each in found} == {"relevance", "tone", "truth"}
    assert {each.message_id for each in found} == {answer}
    assert {each.feedback.rater.kind for each in found} == {"model"}


def test_an_evaluation_waits_for_its_call(gateway: Gateway, client: httpx.Client) -> None:
    score = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.5}
    early = log("gen_ai.evaluation.result", {**score, "gen_ai.response.id": "chatcmpl-early"}, spanId="")
    for _ in range(2):
        assert sent(client, logs(early), "/v1/logs") == {}
    attributes = chat("early", "Hi", "Hello", **{"gen_ai.response.id": "chatcmpl-early"})
    sent(client, traces(span(50, attributes)))
    assert len(feedback(gateway, "early")) == 1
    sent(client, logs(early), "/v1/logs")
    assert len({each.feedback.id for each in feedback(gateway, "early")}) == 1


def test_many_results_for_one_answer_are_taken(gateway: Gateway, client: httpx.Client) -> None:
    attributes = chat("results", "Hi", "Hello", **{"gen_ai.response.id": "chatcmpl-results"})
    sent(client, traces(span(0, attributes, trace="3" * 32)))
    score = {"gen_ai.evaluation.name": "relevance", "gen_ai.response.id": "chatcmpl-results"}
    results = [
        log(
            "gen_ai.evaluation.result",
            {**score, "gen_ai.evaluation.score.value": 1},
            order=number,
            spanId="",
        )
        for number in range(1000)
    ]
    assert sent(client, logs(*results), "/v1/logs") == {}
    assert len({each.feedback.id for each in feedback(gateway, "results")}) == 1000


def test_a_call_with_too_many_messages_costs_only_itself(gateway: Gateway, client: httpx.Client) -> None:
    long = span(1, chat("long", *["Hi"] * (MAX_MESSAGES + 1)))
    partial = sent(client, traces(long, span(0, chat("short", "Hi", "Hello"))))["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert f"more than {MAX_MESSAGES} messages" in partial["errorMessage"]
    assert (said(gateway, "long"), len(said(gateway, "short"))) == ([], 2)


def test_messages_in_separate_requests_become_one_call(gateway: Gateway, client: httpx.Client) -> None:
    trace = "2" * 32
    records = [
        log("gen_ai.user.message", {"gen_ai.system": "openai"}, body={"content": "Hi"}, number=60),
        log("gen_ai.choice", {}, body={"index": 0, "message": {"content": "Hello"}}, number=60, order=9),
    ]
    for record in records:
        assert sent(client, logs({**record, "traceId": trace}), "/v1/logs") == {}
    assert said(gateway, trace) == [("user", "Hi"), ("assistant", "Hello")]


def test_what_is_refused_is_said_and_costs_nothing_else(gateway: Gateway, client: httpx.Client) -> None:
    odd = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 7}
    request = traces(
        7,
        span(0, chat("part", "Hi", "Hello"), events=[event("gen_ai.evaluation.result", odd)]),
    )
    partial = sent(client, request)["partialSuccess"]
    assert partial["rejectedSpans"] == "2"
    assert "must be from 0 to 1" in partial["errorMessage"]
    assert "the form that OTLP demands" in partial["errorMessage"]
    assert said(gateway, "part") == [("user", "Hi"), ("assistant", "Hello")]


def test_a_judge_needs_the_role_of_a_reviewer(gateway: Gateway, keys: dict[str, str]) -> None:
    score = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.5}
    early = log("gen_ai.evaluation.result", {**score, "gen_ai.response.id": "never"}, spanId="")
    with gateway.client(keys["producer"]) as producer:
        partial = sent(producer, logs(early), "/v1/logs")["partialSuccess"]
    assert partial["rejectedLogRecords"] == "1"
    assert "role reviewer" in partial["errorMessage"]


def test_calls_without_messages_are_warned_about(client: httpx.Client) -> None:
    silent = span(0, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
    answer = client.post("/v1/traces", content=as_protobuf(traces(silent)), headers=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 0
    assert "turn on content capture" in partial.error_message


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"\xff\xff", PROTOBUF, 400, id="broken protobuf"),
        pytest.param(b"{", JSON, 400, id="broken JSON"),
        pytest.param(b"{}", {"Content-Type": "text/plain"}, 415, id="another type"),
        pytest.param(b"{}", {**JSON, "Content-Encoding": "br"}, 415, id="another encoding"),
        pytest.param(b"{}", {**JSON, "Content-Encoding": "gzip"}, 400, id="no gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], {**JSON, "Content-Encoding": "gzip"}, 400, id="half a gzip"),
        pytest.param(b"x" * (MAX_BATCH_BYTES + 1), PROTOBUF, 413, id="too large"),
        pytest.param(
            gzip.compress(b"x" * (MAX_BATCH_BYTES + 1)),
            {**PROTOBUF, "Content-Encoding": "gzip"},
            413,
            id="a bomb",
        ),
    ],
)
def test_bad_requests_are_problems(
    client: httpx.Client, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"].startswith("urn:plaudit:problem:")


def test_only_servers_that_may_write_send_telemetry(
    gateway: Gateway, client: httpx.Client, keys: dict[str, str]
) -> None:
    body = as_json(traces(span(0, chat("secret", "Hi", "Hello"))))
    token = client.post("/v1/tokens", json={"conversation_id": "secret"}).json()["token"]
    for credential, status in ((None, 401), (token, 403), (keys["reader"], 403)):
        with gateway.client(credential) as other:
            assert other.post("/v1/traces", content=body, headers=JSON).status_code == status
            assert other.post("/v1/logs", content=b"{}", headers=JSON).status_code == status
    assert logged(gateway, "secret") == []


@pytest.mark.slow
def test_the_call_of_the_documentation_is_taken(gateway: Gateway, client: httpx.Client) -> None:
    page = (ROOT / "docs" / "integrations" / "opentelemetry.md").read_text()
    body = page.split("/v1/traces -d '")[1].split("'\n```")[0]
    answer = client.post("/v1/traces", content=body, headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert said(gateway, "order-17") == [("user", "Where is it?"), ("assistant", "On its way.")]
