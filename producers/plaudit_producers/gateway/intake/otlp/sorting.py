"""Sorts what a request holds into calls, results of evaluations, and messages that wait for their answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from plaudit_producers.gateway.intake.otlp.evaluations import (
    Evaluation,
    evaluation_of_log,
    evaluations_of_span,
)
from plaudit_producers.gateway.intake.otlp.span_calls import SpanCall, call_of_details, call_of_span
from plaudit_producers.gateway.intake.otlp.telemetry import Reading, TelemetryLog
from plaudit_producers.model_calls.genai_content import MESSAGE_EVENTS


@dataclass(slots=True)
class Sorted:
    """The parts of a request, the calls in the order in which they began.

    Attributes:
        calls: those with messages.
        without_content: calls of models whose telemetry holds no messages.
        messages: log events that hold one message each of a call.
    """

    calls: list[SpanCall] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    messages: list[TelemetryLog] = field(default_factory=list)
    without_content: int = 0

    def add_calls(self, calls: Iterable[SpanCall | None]) -> None:
        """Add calls, those with content."""
        for call in calls:
            if call is not None and call.has_content:
                self.calls.append(call)
            elif call is not None:
                self.without_content += 1
        self.calls.sort(key=lambda each: each.start_ns)


def sort_reading(reading: Reading) -> Sorted:
    """Sort what a request holds. The rest has nothing to do with models."""
    found = Sorted()
    for span in reading.spans:
        found.evaluations += evaluations_of_span(span)
    found.add_calls(map(call_of_span, reading.spans))
    for log in reading.logs:
        evaluation = evaluation_of_log(log)
        if evaluation is not None:
            found.evaluations.append(evaluation)
        elif log.event.name in MESSAGE_EVENTS:
            found.messages.append(log)
    found.add_calls(map(call_of_details, reading.logs))
    return found
