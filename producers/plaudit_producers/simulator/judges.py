"""Who judges an answer: users, reviewers and a model; what each says depends on whether it was good."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from plaudit_schemas.events import Rater, ValueKind

from plaudit_producers._bodies import Body, feedback_body

_LIKED_IF_GOOD, _LIKED_IF_BAD = 0.93, 0.12
_REVIEWER_IS_RIGHT = 0.95
_REVIEWERS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, and what nobody in the chat knows: whether it is good."""

    message_id: str
    good: bool
    abstained: bool


class Judges:
    """Makes the bodies of judgements; `new_id` gives each its id."""

    def __init__(self, rng: Random, new_id: Callable[[str], str]) -> None:
        self._rng, self._new_id = rng, new_id
        self._made = 0

    def opinion(self, answer: Answer) -> Body:
        """A user's thumb, or the stars that some products show instead."""
        if self._rng.random() < 0.3:
            low, high = ([3, 4, 5], [1, 4, 5]) if answer.good else ([1, 2, 3, 4], [4, 3, 2, 1])
            (stars,) = self._rng.choices(low, high)
            number = {"number": float(stars), "minimum": 1.0, "maximum": 5.0}
            return self._say(answer, "satisfaction", "number", ("plaudit.v1.Number", number))
        like = self._rng.random() < (_LIKED_IF_GOOD if answer.good else _LIKED_IF_BAD)
        return self.thumb(answer, like)

    def thumb(self, answer: Answer, like: bool) -> Body:
        return self._say(answer, "satisfaction", "thumb", ("plaudit.v1.Thumb", {"like": like}))

    def withdrawal(self, answer: Answer) -> Body:
        """The user's thumb is taken back."""
        return self._say(answer, "satisfaction", "thumb", None)

    def remark(self, answer: Answer, text: str) -> Body:
        return self._say(answer, "satisfaction", "text", ("plaudit.v1.Text", {"text": text}))

    def signal(self, answer: Answer, name: str, number: float | None = None) -> Body:
        value = ("plaudit.v1.Signal", {"name": name, "number": number})
        return self._say(answer, "behaviour", "signal", value)

    def verdict(self, answer: Answer) -> tuple[Body, bool]:
        """A reviewer's label, and whether it says correct."""
        correct = answer.good == (self._rng.random() < _REVIEWER_IS_RIGHT)
        value = ("plaudit.v1.Label", {"labels": ["correct" if correct else "incorrect"]})
        return self._say(answer, "accuracy", "label", value, rater=self._reviewer()), correct

    def correction(self, answer: Answer, text: str) -> Body:
        value = ("plaudit.v1.Correction", {"content": text})
        return self._say(answer, "accuracy", "correction", value, rater=self._reviewer())

    def score(self, answer: Answer) -> Body:
        """A model's score, which knows less than reviewers do."""
        number = min(5.0, max(1.0, round(self._rng.gauss(4.2 if answer.good else 2.6, 0.8), 1)))
        value = ("plaudit.v1.Number", {"number": number, "minimum": 1.0, "maximum": 5.0})
        judge = Rater(id="simulated-judge", kind="model", version="1")
        return self._say(answer, "helpful", "number", value, rater=judge, confidence=0.7)

    def _reviewer(self) -> Rater:
        return Rater(id=f"simulated-reviewer-{self._rng.randrange(_REVIEWERS)}", kind="reviewer")

    def _say(self, answer: Answer, aspect: str, kind: ValueKind, value: Body | None, **more: Any) -> Body:
        self._made += 1
        more["feedback_id"] = self._new_id(f"feedback {self._made}")
        return feedback_body(answer.message_id, aspect, kind, value, more)
