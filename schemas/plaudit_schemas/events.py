"""Typed, validated event models for those who produce; readers in bulk use `codec.Decoder`.

`ConversationEvent.to_record` gives the plain dict that `codec.Encoder` writes, `from_record`
reads it back. Limits are checked here, with pydantic's errors, and again at the fold.
"""

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.limits import (
    APPLICATION_PATTERN,
    CONTENT_BYTES,
    ID_CHARACTERS,
    METADATA_ENTRIES,
    SEQUENCE_LIMIT,
)
from plaudit_schemas.ulid import new_ulid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _within_bytes(value: Any) -> Any:
    # A character takes up to 4 bytes, so most texts need no counting.
    if isinstance(value, str) and len(value) * 4 > CONTENT_BYTES and len(value.encode()) > CONTENT_BYTES:
        raise ValueError(
            f"the text is longer than {CONTENT_BYTES} bytes of UTF-8; cut it or send it by reference"
        )
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARACTERS)]
ParentId = Annotated[str, StringConstraints(max_length=ID_CHARACTERS)]
Application = Annotated[str, StringConstraints(pattern=APPLICATION_PATTERN)]
Content = Annotated[str, BeforeValidator(_within_bytes)]
Metadata = Annotated[dict[str, Content], Field(max_length=METADATA_ENTRIES)]

Source = Literal["unknown", "sdk", "gateway", "import", "sweeper"]
Consent = Literal["unknown", "unspecified", "granted", "denied"]
Role = Literal["unknown", "system", "user", "assistant", "tool"]
MessageStatus = Literal["unknown", "complete", "partial", "cut", "error"]
RaterKind = Literal["unknown", "user", "reviewer", "model"]
ValueKind = Literal["unknown", "thumb", "number", "label", "text", "correction", "signal"]
EndReason = Literal["unknown", "closed", "cleared", "idle", "error"]


class Contract(BaseModel):
    """Base of all: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


class Rater(Contract):
    """Who judges; an id of None is the conversation's user."""

    id: Id | None = None
    kind: RaterKind = "user"
    version: Content | None = None


class Value(Contract):
    """Base of the six kinds of value."""

    kind: ClassVar[ValueKind]


class Thumb(Value):
    kind = "thumb"
    like: bool


class Number(Value):
    """A rating between `minimum` (the worst) and `maximum` (the best), both within the scale."""

    kind = "number"
    number: float
    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError("minimum must be below maximum")
        if not isfinite(self.maximum - self.minimum):
            raise ValueError("the scale is too wide; its length must be a finite number")
        if not self.minimum <= self.number <= self.maximum:
            raise ValueError(f"{self.number} lies outside the scale {self.minimum} to {self.maximum}")
        return self


class Label(Value):
    kind = "label"
    labels: list[Content] = Field(min_length=1, max_length=METADATA_ENTRIES)


class Text(Value):
    kind = "text"
    text: Content


class Correction(Value):
    kind = "correction"
    content: Content


class Signal(Value):
    """What the user did: copied, regenerated, ignored, dwell_seconds, or a name of one's own."""

    kind = "signal"
    name: Id
    number: float | None = None


FeedbackValue = Thumb | Number | Label | Text | Correction | Signal
VALUES: dict[str, type[FeedbackValue]] = {
    f"plaudit.v1.{model.__name__}": model for model in (Thumb, Number, Label, Text, Correction, Signal)
}


class Feedback(Contract):
    """One judgement. `kind` and `signal` follow from the value and must be given to withdraw one."""

    id: Id = Field(default_factory=new_ulid)
    rater: Rater = Rater()
    aspect: Id
    kind: ValueKind = "unknown"
    signal: Id | None = None
    value: FeedbackValue | None = None
    rubric: Content | None = None
    comment: Content | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _kind_follows_value(cls, data: Any) -> Any:
        value = data.get("value") if isinstance(data, dict) else None
        if isinstance(value, Value):
            data = {"kind": value.kind, **data}
            if isinstance(value, Signal):
                data.setdefault("signal", value.name)
        return data

    @model_validator(mode="after")
    def _kind_fits_value(self) -> Self:
        if self.kind == "unknown":
            raise ValueError(
                "kind is needed to withdraw a value: thumb, number, label, text, correction or signal"
            )
        if self.value is not None and self.value.kind != self.kind:
            raise ValueError(f"kind is {self.kind}, but the value is a {self.value.kind}")
        name = self.value.name if isinstance(self.value, Signal) else self.signal
        if (self.kind == "signal") != (self.signal is not None) or self.signal != name:
            raise ValueError("signal must be the signal's name, and only for kind signal")
        return self


class Body(Contract):
    """Base of the seven bodies."""


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


class UpdateMessage(Body):
    """Feedback on a message, or with a message id of None on the whole conversation."""

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

    @model_validator(mode="after")
    def _ranks_its_candidates(self) -> Self:
        ranked = [message for group in self.ranking for message in group]
        if len(set(ranked)) != len(ranked) or not set(ranked) <= set(self.candidates):
            raise ValueError("ranking must hold candidates only, each once")
        if len(set(self.candidates)) != len(self.candidates):
            raise ValueError("a candidate is listed twice")
        return self


class EndConversation(Body):
    reason: EndReason = "closed"
    last_activity_at: AwareDatetime | None = None


class EraseConversation(Body):
    reason: Content = ""


AnyBody = (
    StartConversation
    | UpdateConversation
    | AddMessage
    | UpdateMessage
    | CompareMessages
    | EndConversation
    | EraseConversation
)
BODIES: dict[str, type[AnyBody]] = {
    f"plaudit.v1.{model.__name__}": model
    for model in (
        StartConversation,
        UpdateConversation,
        AddMessage,
        UpdateMessage,
        CompareMessages,
        EndConversation,
        EraseConversation,
    )
}


class ConversationEvent(Contract):
    """One step of one conversation; `application` is a name of letters, digits, '.', '_' and '-'."""

    event_id: Id = Field(default_factory=new_ulid)
    application: Application
    conversation_id: Id
    occurred_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    producer: Id | None = None
    sequence: int | None = Field(default=None, ge=0, lt=SEQUENCE_LIMIT)
    source: Source = "sdk"
    body: AnyBody

    def to_record(self) -> dict[str, Any]:
        """The dict that `codec.Encoder` writes."""
        return {
            "event_id": self.event_id,
            "application": self.application,
            "conversation_id": self.conversation_id,
            "occurred_at": micros(self.occurred_at),
            "producer": self.producer,
            "sequence": self.sequence,
            "source": self.source,
            "body": (f"plaudit.v1.{type(self.body).__name__}", _body_record(self.body)),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Validate what `codec.Decoder` read, in its dense or its sparse form.

        Raises:
            InvalidEventError: the record breaks a rule of the contract.
        """
        try:
            name, body = record["body"]
            body = BODIES[name].model_validate(_body_fields(body))
            return cls(**{**record, "occurred_at": moment(record["occurred_at"]), "body": body})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidEventError(f"{place}: {first['msg']}" if place else first["msg"]) from error
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InvalidEventError(
                f"the record is no event of this contract: {type(error).__name__}: {error}"
            ) from error


def micros(at: datetime) -> int:
    """Microseconds since 1970, UTC, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(at: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=at)


def read_moment(text: str) -> datetime:
    """An ISO 8601 time, in UTC; without a zone it is UTC, and a day is its first moment.

    Raises:
        ValueError: it is none, or in UTC it lies beyond the years 1 to 9999.
    """
    at = datetime.fromisoformat(text)
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is beyond the years 1 to 9999") from error


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
        name = f"plaudit.v1.{type(body.feedback.value).__name__}"
        record["feedback"]["value"] = (name, record["feedback"]["value"])
    elif isinstance(body, EndConversation) and body.last_activity_at is not None:
        record["last_activity_at"] = micros(body.last_activity_at)
    return record


def _fields(model: Contract) -> dict[str, Any]:
    """As `model_dump`, several times as fast: it copies no texts, and has no options to look at."""
    return {name: _plain(value) for name, value in model.__dict__.items()}


def _plain(value: Any) -> Any:
    # By class, as an isinstance of a pydantic model takes a microsecond; a dict holds texts only.
    if type(value) is list:
        return [_plain(item) for item in value]
    return _fields(value) if type(value) in _RECORDS else value


_RECORDS = frozenset(
    (Model, Prompt, ToolCall, Attachment, TokenUsage, Rater, Feedback, *VALUES.values(), *BODIES.values())
)
