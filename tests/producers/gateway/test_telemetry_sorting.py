"""What spans and log events become: calls with messages, evaluations, and the rest, which is ignored."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.otlp.answers import logs_answer, problem_text, traces_answer
from plaudit_producers.gateway.intake.otlp.evaluations import feedback_documents
from plaudit_producers.gateway.intake.otlp.json_reader import read_json_logs, read_json_traces
from plaudit_producers.gateway.intake.otlp.messages import calls_of_notes, notes_of
from plaudit_producers.gateway.intake.otlp.sorting import Sorted, sort_reading
from plaudit_producers.model_calls.events import events_of
from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.errors import InvalidEventError

from tests.support.otlp import START_NS, TRACE, as_json, event, log, logs, span, traces

PLACE = MessagePlace("c1", "m1")
SCORE = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.75}


def chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": question}]}]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
        ),
        **more,
    }


def of_spans(*spans: Any) -> Sorted:
    return sort_reading(read_json_traces(as_json(traces(*spans))))


def of_logs(*records: Any) -> Sorted:
    return sort_reading(read_json_logs(as_json(logs(*records))))


def test_a_span_becomes_a_call_of_its_trace() -> None:
    [found] = of_spans(span(0, chat("Hi", "Hello"))).calls
    call = found.call
    assert (call.conversation_id, call.latency_ms) == (TRACE, 250)
    assert call.started_at is not None
    assert int(call.started_at.timestamp()) == START_NS // 10**9
    assert call.metadata == {"trace_id": TRACE, "span_id": f"{1:016x}"}
    assert call.tags == {"service": "shop"}


def test_a_conversation_that_is_named_goes_before_the_trace() -> None:
    [found] = of_spans(span(0, chat("Hi", "Hello", **{"gen_ai.conversation.id": "c1"}))).calls
    assert found.call.conversation_id == "c1"


def test_calls_are_in_the_order_in_which_they_began() -> None:
    found = of_spans(*(span(number, chat(str(number), "a")) for number in (2, 0, 1)))
    assert [each.call.given[0].content for each in found.calls] == ["0", "1", "2"]


def test_spans_without_messages_are_counted() -> None:
    silent = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    failed = span(1, {**silent, "error.type": "timeout"}, status={"code": 2})
    found = of_spans(span(0, silent), failed, span(2, {"gen_ai.operation.name": "execute_tool"}))
    assert (found.calls, found.without_content) == ([], 2)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({"status": {"code": 2, "message": "reset"}}, "the call failed: reset", id="a status"),
        pytest.param(
            {
                "status": {"code": 2},
                "events": [event("exception", {"exception.type": "E", "exception.message": "gone"})],
            },
            "the call failed: gone",
            id="an exception",
        ),
        pytest.param({"status": {"code": 2}}, "the call failed", id="nothing more"),
    ],
)
def test_a_failed_call_says_why(more: dict[str, Any], told: str) -> None:
    asked = {name: each for name, each in chat("Hi", "").items() if name != "gen_ai.output.messages"}
    [found] = of_spans(span(0, asked, **more)).calls
    [answer] = found.call.answers
    assert (answer.status, answer.error) == ("error", told)


def test_the_kind_of_an_error_is_told() -> None:
    asked = {name: each for name, each in chat("Hi", "").items() if name != "gen_ai.output.messages"}
    [found] = of_spans(span(0, {**asked, "error.type": "429"})).calls
    assert found.call.answers[0].error == "429"


@pytest.mark.parametrize(
    "start",
    ["0", "1790000000", "-5", "99999999999999999999"],
    ids=["none", "seconds", "before 1970", "too large"],
)
def test_an_impossible_time_is_no_time(start: str) -> None:
    [found] = of_spans(span(0, chat("Hi", "Hello"), startTimeUnixNano=start)).calls
    assert found.call.started_at is None


def test_a_clock_that_ran_back_gives_no_latency() -> None:
    [found] = of_spans(span(0, chat("Hi", "Hello"), endTimeUnixNano=str(START_NS - 1))).calls
    assert found.call.latency_ms is None


def test_one_log_event_can_be_a_whole_call() -> None:
    [found] = of_logs(log("gen_ai.client.inference.operation.details", chat("Hi", "Hello"))).calls
    [same] = of_spans(span(0, chat("Hi", "Hello"))).calls
    assert (found.call.given, found.call.answers) == (same.call.given, same.call.answers)
    assert (found.call.conversation_id, found.span) == (same.call.conversation_id, same.span)


def test_a_span_and_a_log_event_make_the_same_events() -> None:
    [span_call] = of_spans(span(0, chat("Hi", "Hello"))).calls
    [log_call] = of_logs(log("gen_ai.client.inference.operation.details", chat("Hi", "Hello"))).calls
    ids = [
        [event.record["event_id"] for event in events_of(each.call, "shop").events]
        for each in (span_call, log_call)
    ]
    assert ids[0] == ids[1]


def test_messages_become_a_call_with_their_answer() -> None:
    system = {"gen_ai.system": "openai"}
    asked = log("gen_ai.user.message", system, body={"content": "Hi"})
    answered = log("gen_ai.choice", system, body={"index": 0, "message": {"content": "Hello"}}, order=5)
    first, second = of_logs(asked), of_logs(answered, log("gen_ai.user.message", {}, spanId=""))
    notes, refused = notes_of(first.messages)
    assert (calls_of_notes(notes), refused) == ([], [])
    more, refused = notes_of(second.messages)
    assert len(refused) == 1
    together = {name: [*more[name], *notes[name]] for name in notes}
    [found] = calls_of_notes(together)
    assert [each.content for each in found.call.given] == ["Hi"]
    assert [each.message.content for each in found.call.answers] == ["Hello"]
    assert found.call.conversation_id == TRACE


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        pytest.param(SCORE, [{"kind": "number", "number": 0.75, "minimum": 0, "maximum": 1}], id="a score"),
        pytest.param(
            {"gen_ai.evaluation.score.value": True}, [{"kind": "thumb", "like": True}], id="a truth"
        ),
        pytest.param(
            {"gen_ai.evaluation.score.label": "pass"}, [{"kind": "label", "labels": ["pass"]}], id="a label"
        ),
        pytest.param(
            {**SCORE, "gen_ai.evaluation.score.label": "pass"},
            [
                {"kind": "number", "number": 0.75, "minimum": 0, "maximum": 1},
                {"kind": "label", "labels": ["pass"]},
            ],
            id="both",
        ),
        pytest.param({"error.type": "timeout"}, [], id="a failure"),
    ],
)
def test_an_evaluation_becomes_feedback(attributes: dict[str, Any], values: list[Any]) -> None:
    given = {**attributes, "gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.explanation": "Fits."}
    found = of_logs(log("gen_ai.evaluation.result", given))
    [evaluation] = found.evaluations
    assert evaluation.aliases == (f"span/{TRACE}/{1:016x}",)
    made = feedback_documents(evaluation, PLACE, None)
    assert [each["body"]["feedback"]["value"] for each in made] == values
    for each in made:
        feedback = each["body"]["feedback"]
        assert (each["conversation_id"], each["body"]["message_id"]) == ("c1", "m1")
        assert (feedback["aspect"], feedback["comment"]) == ("relevance", "Fits.")
        assert feedback["rater"] == {"kind": "model", "id": "judge"}
        assert each["occurred_at"] == START_NS // 1000
    assert feedback_documents(evaluation, PLACE, None) == made
    assert len({each["event_id"] for each in made}) == len(made)


def test_an_evaluation_is_found_on_its_span_and_below_it() -> None:
    named = {**SCORE, "gen_ai.response.id": "r1"}
    found = of_spans(
        span(0, chat("Hi", "Hello"), events=[event("gen_ai.evaluation.result", SCORE)]),
        span(1, named, name="gen_ai.evaluation.result", parentSpanId=f"{1:016x}"),
    )
    on_span, below = found.evaluations
    assert on_span.aliases == (found.calls[0].span,)
    assert below.aliases == ("r1", found.calls[0].span)


def test_a_result_on_the_call_itself_is_about_it() -> None:
    found = of_spans(span(3, chat("Hi", "Hello", **SCORE), parentSpanId=f"{9:016x}"))
    [evaluation] = found.evaluations
    assert evaluation.aliases == (found.calls[0].span,)


def test_attributes_may_say_who_rates_what() -> None:
    given = {**SCORE, "plaudit.message.id": "pm-01J8ZQ4V6T3R5W7X9Y0A1B2C3D@c9", "plaudit.rater.id": "ann"}
    [evaluation] = of_logs(
        log("gen_ai.evaluation.result", {**given, "plaudit.rater.kind": "reviewer"})
    ).evaluations
    assert evaluation.place == MessagePlace("c9", "pm-01J8ZQ4V6T3R5W7X9Y0A1B2C3D@c9")
    [made] = feedback_documents(evaluation, evaluation.place, None)
    assert made["body"]["feedback"]["rater"] == {"kind": "reviewer", "id": "ann"}
    [user] = of_logs(log("gen_ai.evaluation.result", {**SCORE, "plaudit.rater.kind": "user"})).evaluations
    assert feedback_documents(user, PLACE, None)[0]["body"]["feedback"]["rater"] == {"kind": "user"}


def test_a_declared_scale_is_taken() -> None:
    declared = AspectDeclaration(
        name="relevance",
        kinds=("number",),
        levels=("message",),
        direction="higher_is_better",
        minimum=1.0,
        maximum=5.0,
    )
    [evaluation] = of_logs(
        log("gen_ai.evaluation.result", {**SCORE, "gen_ai.evaluation.score.value": 4})
    ).evaluations
    [made] = feedback_documents(evaluation, PLACE, declared)
    value = made["body"]["feedback"]["value"]
    assert (value["number"], value["minimum"], value["maximum"]) == (4.0, 1.0, 5.0)
    with pytest.raises(
        InvalidEventError, match="must be from 0 to 1, since no scale is declared for relevance"
    ):
        feedback_documents(evaluation, PLACE, None)


@pytest.mark.parametrize(
    ("attributes", "fields", "told"),
    [
        pytest.param({"gen_ai.evaluation.score.value": 1}, {}, "needs gen_ai.evaluation.name", id="no name"),
        pytest.param({"gen_ai.evaluation.name": "a"}, {}, "has neither", id="no value"),
        pytest.param(SCORE, {"spanId": ""}, "names neither", id="no target"),
        pytest.param(
            {**SCORE, "plaudit.message.id": "m9"}, {"spanId": ""}, "names neither", id="no conversation"
        ),
    ],
)
def test_an_evaluation_that_says_too_little_is_refused(
    attributes: dict[str, Any], fields: dict[str, Any], told: str
) -> None:
    [evaluation] = of_logs(log("gen_ai.evaluation.result", attributes, **fields)).evaluations
    with pytest.raises(InvalidEventError, match=told):
        feedback_documents(evaluation, PLACE, None)


def test_answers_say_what_was_refused() -> None:
    assert json.loads(traces_answer(0, "", as_json=True)) == {}
    assert json.loads(logs_answer(2, "why", as_json=True)) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "why"}
    }
    assert traces_answer(0, "", as_json=False) == b""
    spans = ExportTraceServiceResponse.FromString(traces_answer(3, "why", as_json=False))
    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (3, "why")
    warning = ExportLogsServiceResponse.FromString(logs_answer(0, "look", as_json=False))
    assert (warning.partial_success.rejected_log_records, warning.partial_success.error_message) == (
        0,
        "look",
    )


def test_many_reasons_are_counted() -> None:
    told = problem_text(["a", "a", *"bcdefg"])
    assert told.startswith("2 refused: a; 1 refused: b")
    assert told.endswith("; and 2 other reasons")
