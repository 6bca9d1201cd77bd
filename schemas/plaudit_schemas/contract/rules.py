"""The rules between the fields of an event, in one place.

The typed models, the producers' checks and the fold's checks all call these functions. Each returns what is
wrong, or None if nothing is.
"""

from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from plaudit_schemas.contract.limits import METADATA_ENTRIES


class RuleViolation(NamedTuple):
    """The field that breaks a rule, and the rest of a sentence that begins with the field's name."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field} {self.text}"


def scale_problem(minimum: float, number: float, maximum: float) -> RuleViolation | None:
    """Check that a number lies on its scale, and that the scale's length is finite and above 0."""
    if not minimum < maximum:
        return RuleViolation("minimum", "must be below maximum")
    if not isfinite(float(maximum) - float(minimum)):  # of ints the difference may be too large for a float
        return RuleViolation("maximum", "makes the scale too wide; its length must be a finite number")
    if not minimum <= number <= maximum:
        return RuleViolation("number", f"{number} lies outside the scale {minimum} to {maximum}")
    return None


def feedback_problem(
    kind: str, signal: str | None, value_kind: str | None, value_signal: str | None
) -> RuleViolation | None:
    """Check that `kind` and `signal` say which rating is given or withdrawn, and that they fit the value.

    Args:
        value_kind: None if the feedback withdraws a value.
        value_signal: the name in a value of kind signal; None for other kinds.
    """
    if kind == "unknown":
        return RuleViolation("kind", "must be thumb, number, label, text, correction, signal or spans")
    if value_kind is not None and value_kind != kind:
        return RuleViolation("kind", f"is {kind}, but the value is a {value_kind}")
    name = value_signal if value_kind == "signal" else signal
    if (kind == "signal") != (signal is not None) or signal != name:
        return RuleViolation("signal", "must be the signal's name, and only for kind signal")
    return None


def span_problem(start: int, end: int) -> RuleViolation | None:
    """Check that a span begins within the content and holds at least one character."""
    if start < 0:
        return RuleViolation("start", "must be at least 0")
    if end <= start:
        return RuleViolation("end", "must be after start")
    return None


def comparison_problem(candidates: Sequence[str], ranking: Iterable[Sequence[str]]) -> RuleViolation | None:
    """Check for two or more candidates, each given once, and for a ranking of candidates only, each once."""
    known = set(candidates)
    if len(known) < 2:
        return RuleViolation("candidates", "must be two or more")
    if len(known) != len(candidates):
        return RuleViolation("candidates", "must not hold a message twice")
    ranked = [message for group in ranking for message in group]
    if len(set(ranked)) != len(ranked) or not known.issuperset(ranked):
        return RuleViolation("ranking", "must hold candidates only, each once")
    return None


def tags_problem(known: Collection[str], given: Iterable[str]) -> RuleViolation | None:
    """Check that the tags of a conversation keep within the limit when an update adds to them.

    Args:
        known: the names of the tags so far.
        given: the names in the update. A name that is known replaces that tag.
    """
    count = len({*known, *given})
    if count > METADATA_ENTRIES:
        return RuleViolation(
            "tags", f"would be {count} with those of earlier events; {METADATA_ENTRIES} are allowed"
        )
    return None
