"""Judgements by users, reviewers and a model. They depend on whether the answer is good, and on taste."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.contract.field_types import ValueKind
from plaudit_schemas.contract.names import CORRECTION, LABEL, NUMBER, SIGNAL, TEXT, THUMB

from plaudit_producers.sdk.bodies import NamedRecord, feedback_body
from plaudit_producers.simulator.taste import probability

# Judges err, as real ones do: the figures must find a model's quality in spite of noise.
_REVIEWER_IS_RIGHT: Final = 0.95
_REVIEWERS: Final = 5


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """One answer, and whether it is good. The judges only see this imperfectly.

    Attributes:
        appeal: the log-odds that a user likes it.
    """

    message_id: str
    good: bool
    abstained: bool
    appeal: float


class Judges:
    """Makes the bodies of judgements. `new_id` makes their ids."""

    def __init__(self, rng: Random, new_id: Callable[[str], str]) -> None:
        self._rng, self._new_id = rng, new_id
        self._made = 0

    def opinion(self, answer: SimulatedAnswer) -> NamedRecord:
        """A user's thumb, or stars, which some products show instead."""
        rng = self._rng
        like = rng.random() < probability(answer.appeal)
        if rng.random() < 0.3:
            given, weights = ([3, 4, 5], [1, 4, 5]) if like else ([1, 2, 3], [5, 4, 1])
            (stars,) = rng.choices(given, weights)
            number = {"number": float(stars), "minimum": 1.0, "maximum": 5.0}
            return self._feedback(answer, "satisfaction", "number", (NUMBER, number))
        return self.thumb(answer, like)

    def thumb(self, answer: SimulatedAnswer, like: bool) -> NamedRecord:
        return self._feedback(answer, "satisfaction", "thumb", (THUMB, {"like": like}))

    def withdrawal(self, answer: SimulatedAnswer) -> NamedRecord:
        """Withdraw the user's thumb."""
        return self._feedback(answer, "satisfaction", "thumb", None)

    def remark(self, answer: SimulatedAnswer, text: str) -> NamedRecord:
        return self._feedback(answer, "satisfaction", "text", (TEXT, {"text": text}))

    def signal(self, answer: SimulatedAnswer, name: str, number: float | None = None) -> NamedRecord:
        value = (SIGNAL, {"name": name, "number": number})
        return self._feedback(answer, "behaviour", "signal", value)

    def verdict(self, answer: SimulatedAnswer) -> tuple[NamedRecord, bool]:
        """A reviewer's label on accuracy, and whether that label is `correct`."""
        correct = answer.good == (self._rng.random() < _REVIEWER_IS_RIGHT)
        value = (LABEL, {"labels": ["correct" if correct else "incorrect"]})
        return self._feedback(answer, "accuracy", "label", value, rater=self._reviewer()), correct

    def correction(self, answer: SimulatedAnswer, text: str) -> NamedRecord:
        value = (CORRECTION, {"content": text})
        return self._feedback(answer, "accuracy", "correction", value, rater=self._reviewer())

    def score(self, answer: SimulatedAnswer) -> NamedRecord:
        """A model's score from 1 to 5. It is less reliable than a reviewer's label."""
        number = min(5.0, max(1.0, round(self._rng.gauss(4.2 if answer.good else 2.6, 0.8), 1)))
        value = (NUMBER, {"number": number, "minimum": 1.0, "maximum": 5.0})
        judge = Rater(id="simulated-judge", kind="model", version="1")
        return self._feedback(answer, "helpful", "number", value, rater=judge, confidence=0.7)

    def _reviewer(self) -> Rater:
        return Rater(id=f"simulated-reviewer-{self._rng.randrange(_REVIEWERS)}", kind="reviewer")

    def _feedback(
        self, answer: SimulatedAnswer, aspect: str, kind: ValueKind, value: NamedRecord | None, **more: Any
    ) -> NamedRecord:
        self._made += 1
        more["feedback_id"] = self._new_id(f"feedback {self._made}")
        return feedback_body(answer.message_id, aspect, kind, value, more)
