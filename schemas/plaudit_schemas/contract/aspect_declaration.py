"""The declaration of an aspect: what feedback may say of it, on which scale, and which way is better."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from plaudit_schemas.contract.field_types import Contract, Id
from plaudit_schemas.contract.names import NUMBER
from plaudit_schemas.contract.rules import RuleViolation, scale_problem

AspectKind = Literal["thumb", "number", "label", "text", "correction", "signal", "spans", "comparison"]
"""The kinds of value of feedback, and comparisons."""
AspectLevel = Literal["message", "prompt", "conversation"]
"""What is judged: an answer, what was said to the assistant, or the whole conversation."""
UNDECLARED: Final = "other"
"""What the figures call all aspects that are not declared or not counted by themselves."""
Direction = Literal["higher_is_better", "lower_is_better", "neutral"]

_KINDS: Final[tuple[AspectKind, ...]] = get_args(AspectKind)
_LEVELS: Final[tuple[AspectLevel, ...]] = get_args(AspectLevel)


class AspectDeclaration(Contract):
    """One aspect.

    Attributes:
        kinds: the kinds of value that may be given.
        levels: what may be judged. Only the log knows whether a message is a prompt or an answer, so
            producers only tell messages from whole conversations.
        direction: which end of the scale is better. A like is the upper end, a dislike the lower.
        minimum, maximum: the one scale on which numbers may be given; None if any scale may be used.
        labels: the labels that may be given, also to spans; empty if any may.
        description: for people.
    """

    name: Id
    kinds: tuple[AspectKind, ...] = Field(min_length=1)
    levels: tuple[AspectLevel, ...] = Field(min_length=1)
    direction: Direction
    minimum: float | None = Field(default=None, strict=True)
    maximum: float | None = Field(default=None, strict=True)
    labels: tuple[Id, ...] = ()
    description: str = ""

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable():
            raise ValueError("must be printable, without blanks at its ends")
        if name == UNDECLARED:
            raise ValueError(f"the figures call whatever is not declared {name}; choose another name")
        return name

    @field_validator("kinds", "levels", "labels")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if given.count(one) > 1:
                raise ValueError(f"holds {one} twice")
        return given

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        if (self.minimum is None) != (self.maximum is None):
            raise ValueError("minimum and maximum must be given together")
        if self.minimum is not None and self.maximum is not None:
            problem = scale_problem(self.minimum, self.minimum, self.maximum)
            if problem is not None:
                raise ValueError(str(problem))
            if "number" not in self.kinds:
                raise ValueError("minimum and maximum are for kind number, which kinds lacks")
        if self.labels and not {"label", "spans"}.intersection(self.kinds):
            raise ValueError("labels are for the kinds label and spans, and kinds has neither")
        return self

    def oriented(self, share: float) -> float | None:
        """A position on the scale, 0 to 1, turned so that 1 is best. None if neither end is."""
        if self.direction == "neutral":
            return None
        return share if self.direction == "higher_is_better" else 1.0 - share

    def problem(self, kind: str, value: tuple[str, Mapping[str, Any]], level: str) -> RuleViolation | None:
        """What does not fit this declaration in a feedback's value, or None.

        Args:
            value: its full schema name and its fields.
            level: `message`, which may also be a prompt, or `conversation`.
        """
        levels = {"message" if given == "prompt" else given for given in self.levels}
        if level not in levels:
            return RuleViolation("message_id", self._allowed("levels", self.levels, f"a {level}"))
        if kind not in self.kinds:
            return RuleViolation("kind", self._allowed("kinds", self.kinds, kind))
        name, fields = value
        if name == NUMBER and self.minimum is not None:
            return self._scale_problem(fields)
        given = fields.get("labels") or [span["label"] for span in fields.get("spans") or ()]
        for label in given if self.labels else ():
            if label not in self.labels:
                return RuleViolation("labels", self._allowed("labels", self.labels, label))
        return None

    def _scale_problem(self, fields: Mapping[str, Any]) -> RuleViolation | None:
        number = fields["number"]
        declared = f"aspect {self.name} is declared from {self.minimum:g} to {self.maximum:g}"
        if (fields["minimum"], fields["maximum"]) != (self.minimum, self.maximum):
            given = f"{fields['minimum']:g} to {fields['maximum']:g}"
            return RuleViolation("number", f"{number:g} is on the scale {given}, but {declared}")
        if not fields["minimum"] <= number <= fields["maximum"]:
            return RuleViolation("number", f"{number:g} is outside the scale: {declared}")
        return None

    def _allowed(self, what: str, allowed: Sequence[str], given: str) -> str:
        return f"does not fit: aspect {self.name} is declared with {what} {', '.join(allowed)}, not {given}"


def _own(name: str, direction: Direction, kinds: tuple[AspectKind, ...] = _KINDS) -> AspectDeclaration:
    return AspectDeclaration(name=name, kinds=kinds, levels=_LEVELS, direction=direction)


BUILT_IN: Final[Mapping[str, AspectDeclaration]] = {
    declaration.name: declaration
    for declaration in (
        _own("satisfaction", "higher_is_better"),
        _own("accuracy", "higher_is_better"),
        _own("preference", "higher_is_better"),
        _own("behaviour", "neutral"),
        _own("spans", "neutral"),
    )
}
"""The aspects that the SDK's calls have unless another is given. They need not be declared, but may be."""
