"""The events of scores, and where they go."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.names import NUMBER, UPDATE_MESSAGE
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.models.scores import AnswerModel, Score

from plaudit_stream_processors.scoring.answers import NewAnswer, digest_of, key_of

log = logging.getLogger("plaudit.scorer")

_LEAST: Final = 0.0
_MOST: Final = 1.0


def number_value(number: float) -> tuple[str, dict[str, float]]:
    """The value of the feedback that a score is."""
    return NUMBER, {"number": number, "minimum": _LEAST, "maximum": _MOST}


class NewScore(NamedTuple):
    """A score that is to be sent.

    Attributes:
        text: what the model was given.
    """

    answer: NewAnswer
    text: str
    score: Score
    model: AnswerModel


SendRecords = Callable[[Sequence[ProducerRecord]], Awaitable[None]]
"""Sends records, and returns once Kafka has acknowledged all of them."""


class ScoreOutput:
    """Sends scores to the topic of the events."""

    def __init__(self, send_records: SendRecords, encoder: Encoder, topic: str, aspects: Aspects) -> None:
        """`topic` has its prefix. `aspects` are those that applications declare."""
        self._send, self._encoder, self._topic, self._aspects = send_records, encoder, topic, aspects
        self._fits: dict[tuple[str, str], bool] = {}

    def fits(self, application: str, aspect: str) -> bool:
        """Whether an application takes scores on an aspect, by what it declares."""
        known = self._fits.get((application, aspect))
        if known is None:
            feedback = {"aspect": aspect, "kind": "number", "value": number_value(_MOST)}
            problem = self._aspects.problem(
                application, (UPDATE_MESSAGE, {"message_id": "a", "feedback": feedback})
            )
            if problem is not None:
                log.warning("answers of %s get no score: %s", application, problem)
            known = self._fits[application, aspect] = problem is None
        return known

    async def send(self, partition: int, scores: Sequence[NewScore], now_us: int) -> None:
        """Send scores of answers that are in one partition, and wait until Kafka has them.

        Args:
            now_us: microseconds since 1970.
        """
        if scores:
            # To the partition in which the conversations are, wherever their keys would lead to by now.
            await self._send([self._record(partition, new, now_us) for new in scores])

    def _record(self, partition: int, new: NewScore, now_us: int) -> ProducerRecord:
        value = self._encoder.encode(score_event(new, now_us))
        return ProducerRecord(self._topic, key_of(new.answer), value, partition)


def score_event(new: NewScore, now_us: int) -> dict[str, Any]:
    """The record of an event that says a score.

    Its id follows from the answer, from what the model was given, and from the model. So a repeat is a
    duplicate, and other words or another model give another event.

    Args:
        now_us: microseconds since 1970.
    """
    answer, text, score, model = new
    event_id = digest_of(answer.application, answer.conversation_id, answer.message_id, text, model.sha256)
    feedback = {
        "id": event_id,
        "rater": {"id": model.name, "kind": "model", "version": model.version},
        "aspect": model.aspect,
        "kind": "number",
        "value": number_value(score.number),
        "confidence": score.confidence,
    }
    return {
        "event_id": event_id,
        "application": answer.application,
        "conversation_id": answer.conversation_id,
        "occurred_at": now_us,
        # So that arrival decides whose word holds, and not this machine's clock.
        "held_ms": 0,
        "source": "scorer",
        "body": (UPDATE_MESSAGE, {"message_id": answer.message_id, "feedback": feedback}),
    }
