"""Sends the events of model calls through a producer."""

import logging
from functools import partial
from typing import Final

from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import SpooledError
from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.model_calls.events import events_of
from plaudit_producers.model_calls.memory import CallMemory
from plaudit_producers.sdk.delivery import Delivery
from plaudit_producers.sdk.producer import FeedbackProducer

log: Final = logging.getLogger("plaudit_producers")


class CallRecorder:
    """Records model calls as conversations. Thread-safe.

    A call returns once its events are in the producer's buffer; it waits for Kafka only if the buffer is full
    and the producer's `when_full` is "block".

    Args:
        memory: what was sent before, and is not sent again.
    """

    def __init__(self, producer: FeedbackProducer, memory: CallMemory | None = None) -> None:
        self.producer = producer
        self._memory = CallMemory() if memory is None else memory

    def record(self, call: ModelCall) -> list[str]:
        """Send what is new in a call. Returns the ids of its answers.

        An event that is not valid, because it is too large, is left out and logged. What Kafka does not take
        in the end is sent again when it comes again in a later call's history.

        Raises:
            BufferFullError: as the producer's `when_full` says.
            ClosedError: the producer was closed.
            RedactionError: the producer's `redact` hook failed.
        """
        with self._memory.lock:
            self._memory.forget_lost()
            named = call.conversation_id
            known = self._memory.conversation(named) if named else None
            made = events_of(call, self.producer.application, known)
            for event in made.events:
                watch = partial(self._watch, named, event.sent_id) if named else None
                try:
                    # All but the body is made by `events_of`, of ids that fit.
                    self.producer.emit(event.record, watch, enveloped=True)
                except InvalidEventError as error:
                    log.warning("an event of a model call was left out: %s", error)
                if named:  # a call without a name has a conversation of its own, which nobody continues
                    self._memory.add(named, event.sent_id, event.message)
            return list(made.answer_ids)

    def _watch(self, conversation_id: str, sent_id: str, delivery: Delivery) -> None:
        if delivery.error is not None and not isinstance(delivery.error, SpooledError):
            self._memory.note_lost(conversation_id, sent_id)
