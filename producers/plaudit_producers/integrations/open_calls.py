"""A model call between its request and the end of its answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.integrations.current import CurrentConversation, current_conversation
from plaudit_producers.integrations.recording import record_call
from plaudit_producers.model_calls.call import CallAnswer, CallMessage, ModelCall
from plaudit_producers.model_calls.values import model_of
from plaudit_producers.sdk.producer import FeedbackProducer


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks of a model. The fields are those of `ModelCall`; `model` is the model's name."""

    given: tuple[CallMessage, ...]
    model: str | None = None
    parameters: str | None = None
    tools: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a request. `model` is the name that the server gives the model, often with a version."""

    answers: tuple[CallAnswer, ...] = ()
    model: str | None = None
    usage: TokenUsage | None = None
    response_id: str | None = None


class OpenCall:
    """Measures a call, and records it once, however often it ends.

    Args:
        producer: by default the shared one.
        current: the conversation in which the call is made; by default that of the running code.
    """

    def __init__(
        self,
        asked: Asked,
        producer: FeedbackProducer | None = None,
        current: CurrentConversation | None = None,
    ) -> None:
        self.asked: Final = asked
        self._producer = producer
        self._current = current_conversation() if current is None else current
        self._started_at = datetime.now(UTC)
        self._started = time.perf_counter()
        self._first_token_ms: int | None = None
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the call was recorded."""
        return self._ended

    def note_first_token(self) -> None:
        """The first part of an answer has come."""
        if self._first_token_ms is None:
            self._first_token_ms = self._passed_ms()

    def end(self, answered: Answered) -> list[str]:
        """Record the call. Returns the ids of its answers; none if it had ended before.

        Raises:
            PlauditError: as `record_call`. Call this inside `guarded`.
        """
        if self._ended:
            return []
        self._ended = True
        return record_call(self._call(answered), self._producer, self._current)

    def _call(self, answered: Answered) -> ModelCall:
        asked = self.asked
        version = answered.model if answered.model != asked.model else None
        # What the application tells us goes before what it tells the library.
        said = self._current
        return ModelCall(
            given=asked.given,
            answers=answered.answers,
            conversation_id=asked.conversation_id if said is None else said.id,
            user_id=asked.user_id if said is None or said.user_id is None else said.user_id,
            model=model_of(asked.model or answered.model, version),
            started_at=self._started_at,
            latency_ms=self._passed_ms(),
            first_token_ms=self._first_token_ms,
            usage=answered.usage,
            parameters=asked.parameters,
            tools=asked.tools,
            response_id=answered.response_id,
            metadata=asked.metadata,
        )

    def _passed_ms(self) -> int:
        return round(1000 * (time.perf_counter() - self._started))


def texts_of(values: Any) -> dict[str, str]:
    """The entries of a mapping whose values are simple, as texts."""
    found = values if isinstance(values, Mapping) else {}
    return {
        str(name): str(value) for name, value in found.items() if isinstance(value, str | int | float | bool)
    }
