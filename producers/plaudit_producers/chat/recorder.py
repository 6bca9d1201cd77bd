"""What happens on the chat page as calls of the SDK: the one place where it is recorded."""

import logging
from hashlib import blake2b
from typing import Final, Literal

from plaudit_schemas.contract.field_types import Consent, EndReason, ValueKind
from plaudit_schemas.errors import InvalidEventError, PlauditError

from plaudit_producers.chat.answer_fields import answer_fields, message_metadata
from plaudit_producers.chat.prompts import CORRECTION_ASPECT
from plaudit_producers.chat.transcript import (
    JudgementSlot,
    JudgementValue,
    Transcript,
    TranscriptMessage,
)
from plaudit_producers.errors import RedactionError
from plaudit_producers.sdk.conversation import Conversation
from plaudit_producers.sdk.producer import FeedbackProducer

log = logging.getLogger(__name__)

SATISFACTION: Final = "satisfaction"
PREFERENCE: Final = "preference"
BEHAVIOUR: Final = "behaviour"
Preference = Literal["left", "right", "tie", "both_bad"]
_ID_BYTES: Final = 16


class ChatRecorder:
    """Records chats. What a transcript holds already is not sent again: an action that comes twice counts
    once.

    No call waits for Kafka. The producer's `when_full` should be "raise": what could not be kept is then
    an error, and the page says so instead of showing it as recorded.

    Every method but `record` raises the producer's errors (`ConversationHandle`), and changes nothing then.
    """

    def __init__(self, producer: FeedbackProducer) -> None:
        self._producer = producer

    def record(self, transcript: Transcript) -> str | None:
        """Send the start and all finished messages that were not sent yet.

        Returns a sentence for the person if something could not be recorded. It is tried again with the next
        message or judgement, unless it breaks the contract or cannot be redacted.
        """
        try:
            self._catch_up(transcript)
        except PlauditError as error:
            return f"What was said could not be recorded: {error}"
        except Exception:  # the chat goes on whatever happens here
            log.exception("a chat could not be recorded")
            return "What was said could not be recorded, because of a fault in this page."
        return None

    def judge(
        self,
        transcript: Transcript,
        message_id: str | None,
        kind: ValueKind,
        value: JudgementValue | None,
        *,
        aspect: str = SATISFACTION,
        scale: tuple[float, float] = (1, 5),
    ) -> bool:
        """Record a thumb, a number, labels, a text or a correction; None takes it back.

        Args:
            message_id: None for the whole chat.
            value: no labels and an empty text are None, too. A correction that is the message's own text is.
            scale: of a number.

        Returns whether anything was new.
        """
        slot = JudgementSlot(message_id, aspect, kind)
        given = _normal(transcript, slot, value)
        if given == transcript.judgements.get(slot):
            return False
        self._catch_up(transcript)
        _send(self._handle(transcript), slot, given, scale)
        transcript.put(slot, given)
        return True

    def correct(
        self, transcript: Transcript, message_id: str, content: str, *, send_correction: bool
    ) -> bool:
        """Record what an answer should have said. Returns whether anything was new.

        Args:
            send_correction: whether models are sent the correction from now on.
        """
        new = self.judge(transcript, message_id, "correction", content, aspect=CORRECTION_ASPECT)
        transcript.messages[message_id].send_correction = send_correction
        return new

    def signal(
        self, transcript: Transcript, message_id: str | None, name: str, number: float | None = None
    ) -> bool:
        """Record what the person did, such as `copied` or `dwell_seconds`. Returns whether anything was new.

        A signal is sent once, and one with a number again when the number has grown.
        """
        slot = JudgementSlot(message_id, BEHAVIOUR, "signal", name)
        before = transcript.judgements.get(slot)
        if before is not None and (number is None or (isinstance(before, float) and number <= before)):
            return False
        self._catch_up(transcript)
        self._handle(transcript).signal(message_id, name, number)
        transcript.put(slot, True if number is None else float(number))
        return True

    def compare(self, transcript: Transcript, left_id: str, right_id: str, preference: Preference) -> None:
        """Record which of two answers is better. Said again, it replaces what was said before."""
        self._catch_up(transcript)
        tie = [[left_id, right_id]]
        ranking = {"left": [left_id, right_id], "right": [right_id, left_id]}.get(preference, tie)
        self._handle(transcript).compare(
            [left_id, right_id],
            ranking,
            none_acceptable=preference == "both_bad",
            comparison_id=_derived_id(transcript.conversation_id, left_id, right_id),
        )

    def set_consent(self, transcript: Transcript, consent: Consent) -> None:
        """Record the person's consent, if the conversation has started; else it starts with it."""
        if consent == transcript.opening.consent:
            return
        if transcript.started:
            self._handle(transcript).update(consent=consent)
        transcript.opening.consent = consent

    def end(self, transcript: Transcript, reason: EndReason = "cleared") -> None:
        """End the conversation, if it has started."""
        if not transcript.started or transcript.ended:
            return
        self._catch_up(transcript)
        self._handle(transcript).end(reason)
        transcript.ended = True

    def _handle(self, transcript: Transcript) -> Conversation:
        return self._producer.conversation(transcript.conversation_id)

    def _catch_up(self, transcript: Transcript) -> None:
        if not transcript.started and transcript.messages:
            opening = transcript.opening
            self._producer.start_conversation(
                transcript.conversation_id,
                user_id=opening.user_id,
                consent=opening.consent,
                model=opening.model,
                continues=opening.continues,
                tags=opening.tags,
            )
            transcript.started = True
        for message in transcript.messages.values():
            if not message.recorded and message.status != "partial":
                self._send_message(transcript, message)

    def _send_message(self, transcript: Transcript, message: TranscriptMessage) -> None:
        try:
            self._handle(transcript).add_message(
                message.role,
                message.content,
                message_id=message.id,
                parent_id=message.parent_id,
                status=message.status,
                reasoning=message.reasoning or None,
                metadata=message_metadata(message),
                **answer_fields(message),
            )
        except (InvalidEventError, RedactionError):
            message.recorded = True  # it would be refused again
            raise
        message.recorded = True


def _normal(
    transcript: Transcript, slot: JudgementSlot, value: JudgementValue | None
) -> JudgementValue | None:
    """A value, or None if it says nothing."""
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(value)) or None
    if not isinstance(value, str):
        return value
    if slot.kind == "correction" and slot.message_id is not None:
        original = transcript.messages[slot.message_id].content
        return None if value.strip() in ("", original.strip()) else value
    return value.strip() or None


def _send(
    chat: Conversation, slot: JudgementSlot, value: JudgementValue | None, scale: tuple[float, float]
) -> None:
    message_id, aspect, kind, _ = slot
    match kind, value:
        case _, None:
            chat.withdraw(message_id, kind, aspect=aspect)
        case "thumb", bool():
            vote = chat.like if value else chat.dislike
            vote(message_id, aspect=aspect)
        case "number", float() | int():
            chat.rate(message_id, value, minimum=scale[0], maximum=scale[1], aspect=aspect)
        case "label", tuple():
            chat.label(message_id, value, aspect=aspect)
        case "text", str():
            chat.comment(message_id, value, aspect=aspect)
        case "correction", str() if message_id is not None:
            chat.correct(message_id, value, aspect=aspect)
        case _:
            raise InvalidEventError(f"a {kind} cannot be {type(value).__name__}")


def _derived_id(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=_ID_BYTES).hexdigest()
