"""Makes a transcript of a conversation as the workers have it, after a restart of the page. Pure."""

from collections.abc import Mapping
from typing import Any

from plaudit_schemas.contract.events import Model

from plaudit_producers.chat.prompts import CORRECTION_ASPECT, DELIMITER, SENT_CORRECTIONS
from plaudit_producers.chat.transcript import (
    ROOT,
    AnswerFacts,
    ChatOpening,
    JudgementSlot,
    JudgementValue,
    Transcript,
    TranscriptMessage,
)


def restored_transcript(document: Mapping[str, Any]) -> Transcript | None:
    """The transcript of a conversation; None if it has ended, was erased or has no message.

    Args:
        document: as `ConversationReader.get` returns it.
    """
    if not document.get("open") or document.get("erased") or not document.get("messages"):
        return None
    opening = ChatOpening(user_id=document.get("user_id"), consent=document.get("consent", "unspecified"))
    transcript = Transcript(document["conversation_id"], opening)
    transcript.started = True
    for message in document["messages"]:
        transcript.add(_message(message, transcript))
    for said in document.get("feedback", []):
        _put(transcript, said.get("message_id"), said["feedback"])
    _choose_corrections(transcript, document["messages"])
    _show_last(transcript, document)
    return transcript


def _show_last(transcript: Transcript, document: Mapping[str, Any]) -> None:
    """Show the branch of the last message, or the winner if that message lost a comparison."""
    last_id = document["messages"][-1]["message_id"]
    transcript.show_path(last_id)
    for comparison in document.get("comparisons", []):
        best = comparison["ranking"][0] if comparison["ranking"] else []
        if len(best) == 1 and last_id in comparison["candidates"] and best[0] in transcript.messages:
            transcript.show(best[0])


def _message(message: Mapping[str, Any], transcript: Transcript) -> TranscriptMessage:
    # A message whose parent is unknown here would be on no path.
    parent_id = message.get("parent_id") or ROOT
    known = parent_id == ROOT or parent_id in transcript.messages
    model, metadata = message.get("model"), message.get("metadata", {})
    return TranscriptMessage(
        role=message["role"],
        content=message.get("content", ""),
        parent_id=parent_id if known else transcript.last_id,
        id=message["message_id"],
        # A partial answer is one that the ended page was still writing.
        status="cut" if message.get("status") == "partial" else message.get("status", "complete"),
        reasoning=message.get("reasoning") or "",
        model_key=_key(model) if model else None,
        error=metadata.get("error"),
        side=metadata.get("side"),
        facts=AnswerFacts(model=Model(**model)) if model else None,
        recorded=True,
    )


def _key(model: Mapping[str, Any]) -> str:
    version = model.get("version")
    return model["id"] if version is None else f"{model['id']}@{version}"


def _put(transcript: Transcript, message_id: str | None, feedback: Mapping[str, Any]) -> None:
    """Note what the visitor said; withdrawn feedback has no value, and other raters are other people."""
    if feedback.get("rater", {}).get("kind", "user") != "user" or feedback.get("value") is None:
        return
    value = _value(feedback["value"][1])
    if value is not None:
        slot = JudgementSlot(message_id or None, feedback["aspect"], feedback["kind"], feedback.get("signal"))
        transcript.put(slot, value)


def _value(value: Mapping[str, Any]) -> JudgementValue | None:
    if "labels" in value:
        return tuple(value["labels"])
    if "name" in value:  # a signal
        number = value.get("number")
        return True if number is None else float(number)
    for field in ("like", "number", "text", "content"):
        if field in value:
            found: JudgementValue = value[field]
            return found
    return None


def _choose_corrections(transcript: Transcript, messages: list[Mapping[str, Any]]) -> None:
    """Send models the corrections that they were sent before."""
    for message in messages:
        for corrected in message.get("metadata", {}).get(SENT_CORRECTIONS, "").split(DELIMITER):
            slot = JudgementSlot(corrected, CORRECTION_ASPECT, "correction")
            if slot in transcript.judgements and corrected in transcript.messages:
                transcript.messages[corrected].send_correction = True
