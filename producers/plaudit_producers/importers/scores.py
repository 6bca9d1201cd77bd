"""Numbers, labels and texts that tracing tools attach to a call, as feedback of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.annotations import rating_aspect
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text

Scale = tuple[float, float]
_CORRECTED: Final = "accuracy"  # the aspect of corrections in the SDK


@dataclass(slots=True)
class TraceScore:
    """One judgement of a call.

    Attributes:
        name: what was judged.
        about: the id of the call, or of the trace.
        trace: the id of the trace, if the score says it.
        scale: the worst and the best number, if the file says so.
    """

    name: str
    about: str
    rater: Rater
    trace: str | None = None
    own_id: str | None = None
    number: float | None = None
    flag: bool | None = None
    labels: tuple[str, ...] = ()
    text: str | None = None
    correction: str | None = None
    comment: str | None = None
    scale: Scale | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


class SeenNumbers:
    """The least and the greatest number of each score in a file, which tell a scale that is not given."""

    def __init__(self) -> None:
        self._seen: dict[str, Scale] = {}

    def add(self, name: str, number: float) -> None:
        least, most = self._seen.get(name, (number, number))
        self._seen[name] = min(least, number), max(most, number)

    def scale_of(self, name: str) -> Scale | None:
        """Return 0 to 1, or with a number below 0 it is -1 to 1. None if a number lies outside of both."""
        least, most = self._seen.get(name, (0.0, 0.0))
        if least < -1 or most > 1:
            return None
        return (-1.0, 1.0) if least < 0 else (0.0, 1.0)


def add_score(chat: Chat, score: TraceScore, message_id: str | None, seen: SeenNumbers) -> None:
    """Add all that a score says: its number or flag, its labels, its correction and its comment.

    A number of which nobody knows the scale becomes a signal, which keeps it and is no vote.
    """
    given: dict[str, Any] = {"rater": score.rater, **score.fields}
    own: dict[str, Any] = {} if score.own_id is None else {"feedback_id": score.own_id}
    # The comment and the score's own id go with the first of its values.
    waiting = [{**given, **own, "comment": score.comment}]

    def fields() -> dict[str, Any]:
        return waiting.pop() if waiting else given

    aspect = rating_aspect(score.name)
    if score.flag is not None:
        (chat.like if score.flag else chat.dislike)(message_id, aspect=aspect, **fields())
    if score.number is not None:
        _add_number(chat, score, message_id, aspect, seen.scale_of(score.name), fields())
    if score.labels:
        chat.label(message_id, score.labels, aspect=aspect, **fields())
    if score.correction is not None and message_id is not None:
        chat.correct(message_id, score.correction, aspect=_CORRECTED, **fields())
    text = score.comment if waiting else None
    if score.text or text:
        chat.comment(message_id, score.text or str(text), aspect=aspect, **given, **(own if waiting else {}))
    elif waiting:
        chat.note(f"score {score.name} says nothing: it has no value, comment or correction")


def _add_number(
    chat: Chat,
    score: TraceScore,
    message_id: str | None,
    aspect: str,
    seen: Scale | None,
    fields: Mapping[str, Any],
) -> None:
    scale, number = score.scale or seen, float(score.number or 0)
    if scale is not None and scale[0] <= number <= scale[1] and scale[0] < scale[1]:
        chat.rate(message_id, number, minimum=scale[0], maximum=scale[1], aspect=aspect, **fields)
    else:
        chat.signal(message_id, score.name, number, aspect=aspect, **fields)
        chat.note(f"the scale of {score.name} is not known, so its numbers are signals and no ratings")


def number_of(value: Any, what: str) -> float:
    """Return a number unchanged.

    Raises:
        ValueError: it is none. The message calls the value `what`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{what} must be a finite number, not {value!r}")
    return value


def text_or_none(value: Any) -> str | None:
    """Return a value as text; None for one that says nothing."""
    return None if value in (None, "") else as_text(value)
