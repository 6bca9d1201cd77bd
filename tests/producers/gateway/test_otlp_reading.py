"""OTLP's requests: JSON and protobuf say the same, and what is odd costs nothing else."""

import json
from typing import Any

import pytest
from plaudit_producers.gateway.intake.otlp.json_reader import read_json_logs, read_json_traces
from plaudit_producers.gateway.intake.otlp.protobuf_reader import read_logs, read_traces
from plaudit_schemas.errors import InvalidEventError

from tests.support.otlp import START_NS, TRACE, as_json, as_protobuf, event, log, logs, span, traces

ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.stream": True,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
}


def test_both_encodings_of_spans_say_the_same() -> None:
    request = traces(
        span(0, ATTRIBUTES, status={"code": 2, "message": "reset"}, parentSpanId="00000000000000ff"),
        span(1, {}, events=[event("gen_ai.choice", {"content": "Hi"})]),
        span(2, {"http.route": "/"}),
    )
    in_json, in_protobuf = read_json_traces(as_json(request)), read_traces(as_protobuf(request))
    assert in_json == in_protobuf
    assert (in_json.total, in_json.unreadable, len(in_json.spans)) == (3, 0, 2)
    first = in_json.spans[0]
    assert first.attributes == ATTRIBUTES
    assert (first.trace_id, first.span_id, first.parent_id) == (TRACE, f"{1:016x}", f"{255:016x}")
    assert (first.start_ns, first.end_ns, first.kind) == (START_NS, START_NS + 250_000_000, 3)
    assert (first.failure, first.service, first.scope) == ("reset", "shop", "openai")


def test_both_encodings_of_logs_say_the_same() -> None:
    request = logs(
        log("gen_ai.user.message", {"gen_ai.system": "openai"}, body={"content": "Hi"}),
        log("", {"event.name": "gen_ai.choice"}, body={"index": 0}),
        log("http.request", {"http.route": "/"}),
        log("", {}, body="a line of text"),
    )
    in_json, in_protobuf = read_json_logs(as_json(request)), read_logs(as_protobuf(request))
    assert in_json == in_protobuf
    assert (in_json.total, len(in_json.logs)) == (4, 2)
    assert in_json.logs[0].event.fields == {"gen_ai.system": "openai", "content": "Hi"}
    assert in_json.logs[1].event.name == "gen_ai.choice"


def test_a_log_record_without_a_time_has_that_of_its_arrival() -> None:
    record = {**log("gen_ai.choice", {}), "timeUnixNano": "0", "observedTimeUnixNano": "7"}
    for read in (read_json_logs(as_json(logs(record))), read_logs(as_protobuf(logs(record)))):
        assert read.logs[0].time_ns == 7


@pytest.mark.parametrize("read", [read_traces, read_logs], ids=["traces", "logs"])
@pytest.mark.parametrize(
    "body", [b"\xff\xff\xff", b"{}", b"\x0a\xff"], ids=["random bytes", "JSON", "cut off"]
)
def test_broken_protobuf_is_refused(read: Any, body: bytes) -> None:
    with pytest.raises(InvalidEventError, match="in protobuf"):
        read(body)


@pytest.mark.parametrize("read", [read_json_traces, read_json_logs], ids=["traces", "logs"])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff", b"[]", b"7", b'{"resourceSpans": 7, "resourceLogs": 7}'),
        *(b'{"resourceMetrics": []}', b'{"resource_spans": [], "resource_logs": []}'),
    ],
    ids=[
        *("empty", "cut off", "no text", "a list", "a number", "no list"),
        *("another signal", "snake case"),
    ],
)
def test_broken_json_is_refused(read: Any, body: bytes) -> None:
    with pytest.raises(InvalidEventError, match="the body is not"):
        read(body)


def test_an_empty_request_is_fine() -> None:
    assert read_traces(b"").total == read_json_traces(b"{}").total == 0


def test_odd_spans_cost_only_themselves() -> None:
    odd = [
        7,
        None,
        {"attributes": 7, "events": {}},
        {"attributes": [{"key": 7}, {"value": {}}, 3], "events": [3, {"name": 7}]},
        span(0, ATTRIBUTES, traceId=7, spanId=None, startTimeUnixNano="soon", kind={}, status="bad"),
    ]
    found = read_json_traces(as_json(traces(*odd, span(1, ATTRIBUTES))))
    assert (found.total, found.unreadable) == (6, 2)
    broken, whole = found.spans
    assert (broken.trace_id, broken.span_id, broken.start_ns, broken.failure) == ("", "", 0, None)
    assert whole.attributes == ATTRIBUTES


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"intValue": "9" * 30}, 0, id="a number that is too large"),
        pytest.param({"intValue": 7}, 7, id="a number as a number"),
        pytest.param({"doubleValue": "many"}, None, id="a number that is a word"),
        pytest.param({"stringValue": 7}, None, id="a text that is a number"),
        pytest.param({"boolValue": "yes"}, None, id="a truth that is a word"),
        pytest.param({"arrayValue": {"values": 7}}, [], id="a list of nothing"),
        pytest.param({"arrayValue": 7}, [], id="a list that is a number"),
        pytest.param({"bytesValue": "aGk="}, "aGk=", id="bytes"),
        pytest.param({"newValue": 1}, None, id="a kind of the future"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_odd_values_are_left_out(given: Any, expected: Any) -> None:
    odd = {**span(0, {}), "attributes": [{"key": "gen_ai.x", "value": given}]}
    [found] = read_json_traces(as_json(traces(odd))).spans
    assert found.attributes == {"gen_ai.x": expected}


def test_values_without_end_are_cut() -> None:
    nested: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(300):
        nested = {"arrayValue": {"values": [nested]}}
    odd = {**span(0, {}), "attributes": [{"key": "gen_ai.x", "value": nested}]}
    [found] = read_json_traces(as_json(traces(odd))).spans
    assert "deep" not in json.dumps(found.attributes)


def test_bytes_in_protobuf_are_as_in_json() -> None:
    odd = {**span(0, {}), "attributes": [{"key": "gen_ai.x", "value": {"bytesValue": "aGk="}}]}
    assert read_traces(as_protobuf(traces(odd))).spans[0].attributes == {"gen_ai.x": "aGk="}
