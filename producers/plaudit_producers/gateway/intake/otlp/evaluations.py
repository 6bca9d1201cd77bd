"""Results of evaluations in telemetry, turned into feedback of a model.

`gen_ai.evaluation.result` is an event of the evaluated span, a log event with its ids, or a span below it. It
may name the response instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.field_types import RaterKind
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.otlp.span_calls import PLAUSIBLE_NS, span_key
from plaudit_producers.gateway.intake.otlp.telemetry import TelemetryLog, TelemetrySpan
from plaudit_producers.gateway.intake.scales import scale_of
from plaudit_producers.model_calls.genai_attributes import (
    conversation_named,
    id_of,
    is_model_call,
    response_id_of,
)
from plaudit_producers.model_calls.ids import derived_event_id
from plaudit_producers.model_calls.json_messages import as_text
from plaudit_producers.sdk.message_ids import conversation_of

EVALUATION: Final = "gen_ai.evaluation.result"
_NAME: Final = "gen_ai.evaluation.name"
_SCORE: Final = "gen_ai.evaluation.score.value"
_LABEL: Final = "gen_ai.evaluation.score.label"
_EXPLANATION: Final = "gen_ai.evaluation.explanation"
_MESSAGE_ID: Final = "plaudit.message.id"
_RATER_ID: Final = "plaudit.rater.id"
_RATER_KIND: Final = "plaudit.rater.kind"
_KINDS: Final[Mapping[str, RaterKind]] = {"model": "model", "user": "user", "reviewer": "reviewer"}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result of an evaluation.

    Attributes:
        fields: the attributes of its event.
        span: the evaluated span, as `span_key`; empty if not known.
        rater: the name of what evaluated, unless the attributes name a rater.
        time_ns: nanoseconds since 1970; 0 if not known.
    """

    fields: Mapping[str, Any]
    span: str
    rater: str
    time_ns: int

    @property
    def aspect(self) -> str | None:
        """The name of the evaluation."""
        return id_of(self.fields.get(_NAME))

    @property
    def place(self) -> MessagePlace | None:
        """The message, if the attributes name one of Plaudit's and its conversation."""
        message_id = id_of(self.fields.get(_MESSAGE_ID))
        if message_id is None:
            return None
        conversation_id = conversation_of(message_id) or conversation_named(self.fields)
        return None if conversation_id is None else MessagePlace(conversation_id, message_id)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which the evaluated answer may be known, the surest first."""
        return tuple(name for name in (response_id_of(self.fields), self.span) if name)


def evaluations_of_span(span: TelemetrySpan) -> Iterator[Evaluation]:
    """The results that a span holds, or is."""
    own = span_key(span.trace_id, span.span_id)
    rater = span.scope or "opentelemetry"
    if span.name == EVALUATION or not span.attributes.keys().isdisjoint((_SCORE, _LABEL)):
        # Some write the result on the call itself; others on a span below it.
        about = own if is_model_call(span.attributes, span.kind) else span_key(span.trace_id, span.parent_id)
        yield Evaluation(span.attributes, about, rater, span.end_ns)
    for event, time_ns in span.events:
        if event.name == EVALUATION:
            yield Evaluation(event.fields, own, rater, time_ns)


def evaluation_of_log(log: TelemetryLog) -> Evaluation | None:
    """The result that a log event is; None if it is another event."""
    if log.event.name != EVALUATION:
        return None
    span = span_key(log.trace_id, log.span_id)
    return Evaluation(log.event.fields, span, log.scope or "opentelemetry", log.time_ns)


def feedback_documents(
    evaluation: Evaluation, place: MessagePlace, declared: AspectDeclaration | None
) -> list[dict[str, Any]]:
    """The events of a result, as the JSON documents that `POST /v1/events` takes: its score, and its label.

    The same result makes events with the same ids. There are none if the evaluation failed.

    Raises:
        InvalidEventError: it names no aspect or nothing that it is about, or its score fits no scale.
    """
    aspect = evaluation.aspect
    if aspect is None:
        raise InvalidEventError(f"an evaluation needs {_NAME}")
    if evaluation.place is None and not evaluation.aliases:
        raise InvalidEventError(f"evaluation {aspect} names neither a span nor a response")
    values = list(_values(evaluation.fields, aspect, declared))
    if not values and evaluation.fields.get("error.type") is None:
        raise InvalidEventError(f"evaluation {aspect} has neither {_SCORE} nor {_LABEL}")
    explanation = evaluation.fields.get(_EXPLANATION)
    rater = _rater(evaluation)
    documents: list[dict[str, Any]] = []
    for value in values:
        said = (place.message_id or "", aspect, *map(as_text, value.values()), *rater.values())
        event_id = derived_event_id(place.conversation_id, "evaluation", *said, str(evaluation.time_ns))
        feedback = {"id": event_id, "aspect": aspect, "rater": dict(rater), "value": value}
        if explanation is not None:
            feedback["comment"] = as_text(explanation)
        body = {"type": "UpdateMessage", "message_id": place.message_id, "feedback": feedback}
        document: dict[str, Any] = {
            "event_id": event_id,
            "conversation_id": place.conversation_id,
            "body": body,
        }
        if evaluation.time_ns in PLAUSIBLE_NS:
            document["occurred_at"] = evaluation.time_ns // 1000
        documents.append(document)
    return documents


def _values(
    fields: Mapping[str, Any], aspect: str, declared: AspectDeclaration | None
) -> Iterator[dict[str, Any]]:
    score, label = fields.get(_SCORE), fields.get(_LABEL)
    if isinstance(score, bool):
        yield {"kind": "thumb", "like": score}
    elif isinstance(score, int | float):
        minimum, maximum = scale_of(aspect, score, declared, field=_SCORE)
        yield {"kind": "number", "number": float(score), "minimum": minimum, "maximum": maximum}
    if label not in (None, ""):
        yield {"kind": "label", "labels": [as_text(label)]}


def _rater(evaluation: Evaluation) -> dict[str, str]:
    kind = _KINDS.get(as_text(evaluation.fields.get(_RATER_KIND) or ""), "model")
    named = id_of(evaluation.fields.get(_RATER_ID))
    if named is None and kind == "user":
        return {"kind": kind}  # the user of the conversation
    return {"kind": kind, "id": named or id_of(evaluation.rater) or "opentelemetry"}
