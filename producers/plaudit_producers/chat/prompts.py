"""What a model is sent of a chat. Pure."""

from typing import Final

from plaudit_producers.chat.transcript import Transcript, TranscriptMessage

CORRECTION_ASPECT: Final = "accuracy"
"""The aspect of corrections, as in the SDK."""
SENT_CORRECTIONS: Final = "sent_corrections"
"""The metadata of an answer that names the messages of which its model was sent the correction."""
DELIMITER: Final = ","
_JOINT: Final = "\n\n"  # as the datasets join turns of one speaker


def prompt_of(transcript: Transcript, message_id: str) -> list[dict[str, str]]:
    """The turns up to a message, as `{"role": ..., "content": ...}`.

    A failed answer without a text is left out. Neighbours of one role are joined, because many chat templates
    refuse them.
    """
    turns: list[dict[str, str]] = []
    for message in transcript.path_to(message_id):
        content = sent_text(transcript, message)
        if not content and message.role == "assistant":
            continue
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += _JOINT + content
        else:
            turns.append({"role": message.role, "content": content})
    return turns


def sent_text(transcript: Transcript, message: TranscriptMessage) -> str:
    """The text of a message that models are sent: the correction, if the person chose that."""
    correction = transcript.said(message.id, CORRECTION_ASPECT, "correction")
    return correction if message.send_correction and isinstance(correction, str) else message.content


def corrected_ids(transcript: Transcript, message_id: str) -> list[str]:
    """The messages up to a message of which models are sent the correction."""
    return [
        message.id
        for message in transcript.path_to(message_id)
        if sent_text(transcript, message) != message.content
    ]
