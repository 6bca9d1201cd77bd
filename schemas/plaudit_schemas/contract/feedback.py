"""Feedback: the rater, the aspect that is rated, and a value of one of seven kinds."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from plaudit_schemas.contract.field_types import Content, Contract, Id, RaterKind, ValueKind
from plaudit_schemas.contract.limits import METADATA_ENTRIES, SPANS_LIMIT
from plaudit_schemas.contract.names import full_name
from plaudit_schemas.contract.rules import feedback_problem, scale_problem, span_problem
from plaudit_schemas.contract.ulid import new_ulid


class Rater(Contract):
    """Who rates. An id of None means the conversation's user."""

    id: Id | None = None
    kind: RaterKind = "user"
    version: Content | None = None


class Value(Contract):
    """Base of the seven kinds of value."""

    kind: ClassVar[ValueKind]


class Thumb(Value):
    kind = "thumb"
    like: bool


class Number(Value):
    """A rating on the scale from `minimum` (worst) to `maximum` (best); both ends are allowed.

    Attributes:
        raters: how many raters the number is the mean of; None is one.
    """

    kind = "number"
    number: float
    minimum: float
    maximum: float
    raters: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        problem = scale_problem(self.minimum, self.number, self.maximum)
        if problem is not None:
            raise ValueError(str(problem))
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
    """Something the user did: copied, regenerated, ignored, dwell_seconds, or a custom name."""

    kind = "signal"
    name: Id
    number: float | None = None


class Span(Contract):
    """A part of a message's content: characters `start` to `end` (not included), in Unicode code points."""

    start: int
    end: int
    label: Content
    comment: Content | None = None

    @model_validator(mode="after")
    def _holds_text(self) -> Self:
        problem = span_problem(self.start, self.end)
        if problem is not None:
            raise ValueError(str(problem))
        return self


class Spans(Value):
    """Labelled parts of a message's content. They may overlap."""

    kind = "spans"
    spans: list[Span] = Field(min_length=1, max_length=SPANS_LIMIT)


FeedbackValue = Thumb | Number | Label | Text | Correction | Signal | Spans
VALUES: dict[str, type[FeedbackValue]] = {
    full_name(model.__name__): model for model in (Thumb, Number, Label, Text, Correction, Signal, Spans)
}
VALUE_KINDS: dict[str, ValueKind] = {name: model.kind for name, model in VALUES.items()}
"""The kind of feedback for the full name of each value."""


class Feedback(Contract):
    """One rating. `kind` and `signal` follow from `value`.

    A `value` of None withdraws an earlier rating. `kind`, and `signal` for a signal, must then be given.

    Attributes:
        item_id: the item of a review queue that was answered.
        suggestion_shown: whether the rater saw a model's suggestion; None if nobody knows.
    """

    id: Id = Field(default_factory=new_ulid)
    rater: Rater = Rater()
    aspect: Id
    kind: ValueKind = "unknown"
    signal: Id | None = None
    value: FeedbackValue | None = None
    rubric: Content | None = None
    rubric_version: Content | None = None
    item_id: Id | None = None
    suggestion_shown: bool | None = None
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
        value = self.value
        name = value.name if isinstance(value, Signal) else None
        problem = feedback_problem(self.kind, self.signal, None if value is None else value.kind, name)
        if problem is not None:
            raise ValueError(str(problem))
        return self
