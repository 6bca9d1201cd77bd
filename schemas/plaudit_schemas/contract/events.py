"""Typed, validated event models for producers. Bulk readers use `codec.wire.Decoder` instead.

`ConversationEvent.to_record` returns the plain dict that an Encoder takes; `from_record` is its inverse. The
models check the limits with pydantic. The SDK and the gateway check them faster, with `records`, and the fold
checks them again, with `log_checks`.
"""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from plaudit_schemas.contract.feedback import VALUES, Feedback, Rater, Span
from plaudit_schemas.contract.field_types import (
    Application,
    Consent,
    Content,
    Contract,
    EndReason,
    Id,
    MessageStatus,
    Metadata,
    ParentId,
    Role,
    Source,
    Time,
)
from plaudit_schemas.contract.limits import HELD_LIMIT, SEQUENCE_LIMIT
from plaudit_schemas.contract.names import full_name
from plaudit_schemas.contract.rules import comparison_problem
from plaudit_schemas.contract.times import micros, moment
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError


class Model(Contract):
    id: Id
    version: Content | None = None
    metadata: Metadata = {}


class Prompt(Contract):
    id: Id
    version: Content | None = None


class ToolCall(Contract):
    id: Id
    name: Content
    arguments: Content


class Attachment(Contract):
    uri: Content
    media_type: Content | None = None


class TokenUsage(Contract):
    input: int | None = Field(default=None, ge=0)
    output: int | None = Field(default=None, ge=0)


class Body(Contract):
    """Base of the bodies that an event can have."""


class StartConversation(Body):
    model: Model | None = None
    user_id: Id | None = None
    variants: Metadata = {}
    consent: Consent = "unspecified"
    tags: Metadata = {}
    prompt: Prompt | None = None
    tools: Content | None = None
    parameters: Content | None = None
    session: Id | None = None
    continues: Id | None = None
    task: Id | None = None


class UpdateConversation(Body):
    user_id: Id | None = None
    consent: Consent = "unknown"
    tags: Metadata = {}


class AddMessage(Body):
    message_id: Id = Field(default_factory=new_ulid)
    parent_id: ParentId | None = None
    role: Role
    content: Content
    reasoning: Content | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: Id | None = None
    attachments: list[Attachment] = []
    model: Model | None = None
    variants: Metadata = {}
    prompt: Prompt | None = None
    tools: Content | None = None
    parameters: Content | None = None
    latency_ms: int | None = Field(default=None, ge=0)
    first_token_ms: int | None = Field(default=None, ge=0)
    finish_reason: Content | None = None
    usage: TokenUsage | None = None
    status: MessageStatus = "complete"
    abstained: bool | None = None
    metadata: Metadata = {}
    author: Rater | None = None


class UpdateMessage(Body):
    """Feedback on a message. If `message_id` is None, it is feedback on the whole conversation."""

    message_id: Id | None = None
    feedback: Feedback


class CompareMessages(Body):
    comparison_id: Id = Field(default_factory=new_ulid)
    candidates: list[Id] = Field(min_length=2)
    ranking: list[list[Id]]
    none_acceptable: bool = False
    rater: Rater = Rater()
    aspect: Id = "preference"
    comment: Content | None = None
    strength: float | None = Field(default=None, ge=0, le=1)
    confidence: float | None = Field(default=None, ge=0, le=1)
    rubric: Content | None = None
    rubric_version: Content | None = None
    item_id: Id | None = None
    suggestion_shown: bool | None = None

    @model_validator(mode="after")
    def _ranks_its_candidates(self) -> Self:
        problem = comparison_problem(self.candidates, self.ranking)
        if problem is not None:
            raise ValueError(str(problem))
        return self


class EndConversation(Body):
    reason: EndReason = "closed"
    last_activity_at: Time | None = None


class EraseConversation(Body):
    reason: Content = ""


class ExcludeFromTraining(Body):
    """Keeps a message out of training rows, or with `excluded` False lets it in again.

    If `message_id` is None, it is the whole conversation.
    """

    message_id: Id | None = None
    excluded: bool = True
    rater: Rater = Rater()
    reason: Content = ""


class DeclineReview(Body):
    """A reviewer declines an item of a review queue."""

    message_id: Id | None = None
    item_id: Id
    rubric: Content | None = None
    rubric_version: Content | None = None
    rater: Rater
    reason: Content = ""


AnyBody = (
    StartConversation
    | UpdateConversation
    | AddMessage
    | UpdateMessage
    | CompareMessages
    | EndConversation
    | EraseConversation
    | ExcludeFromTraining
    | DeclineReview
)
BODIES: dict[str, type[AnyBody]] = {
    full_name(model.__name__): model
    for model in (
        StartConversation,
        UpdateConversation,
        AddMessage,
        UpdateMessage,
        CompareMessages,
        EndConversation,
        EraseConversation,
        ExcludeFromTraining,
        DeclineReview,
    )
}


class ConversationEvent(Contract):
    """One step of one conversation.

    Attributes:
        application: 1 to 128 letters, digits, '.', '_' and '-'.
        occurred_at: when it happened, by the producer's clock.
        producer: the random id of the producer.
        sequence: the producer's count of its events in this conversation, from 0. Gaps show lost events.
        held_ms: milliseconds that the event waited on the producer's machine before it was sent. A difference
            of one clock, so it tells the order of events without trusting any clock. None is not counted.
    """

    held_ms: int | None = Field(default=None, ge=0, lt=HELD_LIMIT)
    event_id: Id = Field(default_factory=new_ulid)
    application: Application
    conversation_id: Id
    occurred_at: Time = Field(default_factory=lambda: datetime.now(UTC))
    producer: Id | None = None
    sequence: int | None = Field(default=None, ge=0, lt=SEQUENCE_LIMIT)
    source: Source = "sdk"
    body: AnyBody

    def to_record(self) -> dict[str, Any]:
        """The plain dict that an Encoder takes; times are microseconds since 1970."""
        return {
            "held_ms": self.held_ms,
            "event_id": self.event_id,
            "application": self.application,
            "conversation_id": self.conversation_id,
            "occurred_at": micros(self.occurred_at),
            "producer": self.producer,
            "sequence": self.sequence,
            "source": self.source,
            "body": (full_name(type(self.body).__name__), _body_record(self.body)),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Validate a decoded record, dense or sparse, and build the event.

        Raises:
            InvalidEventError: the record breaks a limit or a rule of the contract.
        """
        try:
            name, body = record["body"]
            # The name decides on the model; pydantic would try the members of the union instead.
            body = BODIES[name].model_validate(_body_fields(body))
            return cls(**{**record, "occurred_at": moment(record["occurred_at"]), "body": body})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidEventError(f"{place}: {first['msg']}" if place else first["msg"]) from error
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InvalidEventError(
                f"the record is not an event of this contract: {type(error).__name__}: {error}"
            ) from error


def _body_fields(record: dict[str, Any]) -> dict[str, Any]:
    fields = dict(record)
    if "feedback" in fields:
        feedback = fields["feedback"] = dict(fields["feedback"])
        if feedback.get("value") is not None:
            name, value = feedback["value"]
            feedback["value"] = VALUES[name].model_validate(value)
    if fields.get("last_activity_at") is not None:
        fields["last_activity_at"] = moment(fields["last_activity_at"])
    return fields


def _body_record(body: AnyBody) -> dict[str, Any]:
    record = _fields(body)
    if isinstance(body, UpdateMessage) and body.feedback.value is not None:
        name = full_name(type(body.feedback.value).__name__)
        record["feedback"]["value"] = (name, record["feedback"]["value"])
    elif isinstance(body, EndConversation) and body.last_activity_at is not None:
        record["last_activity_at"] = micros(body.last_activity_at)
    return record


def _fields(model: Contract) -> dict[str, Any]:
    """A model as a dict. Several times as fast as `model_dump`, since it has no options to look at."""
    return {name: _plain(value) for name, value in model.__dict__.items()}


def _plain(value: Any) -> Any:
    # Compares classes, because isinstance on a pydantic model takes a microsecond. Dicts hold only text.
    if type(value) is list:
        return [_plain(item) for item in value]
    return _fields(value) if type(value) in _RECORDS else value


_RECORDS = frozenset(
    (
        Model,
        Prompt,
        ToolCall,
        Attachment,
        TokenUsage,
        Rater,
        Span,
        Feedback,
        *VALUES.values(),
        *BODIES.values(),
    )
)
