"""Feedback, comparisons and events in words for a person. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from plaudit_stream_processors.queries.log_history import LoggedEvent

from plaudit_infra.conversations_page.criteria import is_low

_SHOWN: Final = 2_000


def feedback_view(slot: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody said of a message, or of the whole conversation."""
    feedback = slot["feedback"]
    value = feedback.get("value")
    fields = {} if value is None else value[1]
    return {
        "message": slot.get("message_id"),
        "who": rater_text(feedback.get("rater")),
        "aspect": feedback.get("aspect", ""),
        "said": "withdrew it" if value is None else said_text(fields),
        "correction": fields.get("content") if feedback.get("kind") == "correction" else None,
        "low": is_low(fields),
        "comment": feedback.get("comment"),
        "rubric": _rubric(feedback),
    }


def comparison_view(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """A ranking of answers, the best group first."""
    return {
        "who": rater_text(comparison.get("rater")),
        "aspect": comparison.get("aspect", ""),
        "ranking": [list(group) for group in comparison.get("ranking") or ()],
        "none_acceptable": bool(comparison.get("none_acceptable")),
        "comment": comparison.get("comment"),
        "rubric": _rubric(comparison),
    }


def event_view(event: LoggedEvent) -> dict[str, Any]:
    """An event of the log in a line."""
    fields = event.fields
    tell = _TELL.get(event.body)
    return {
        "offset": event.offset,
        "arrived_ms": event.arrived_ms,
        "event_id": event.event_id,
        "source": event.source,
        "body": event.body or "unreadable",
        "message": fields.get("message_id"),
        "told": tell(fields) if tell is not None else event.body,
        "refused": event.refused,
    }


def rater_text(rater: Mapping[str, Any] | None) -> str:
    """Who judged: the kind and the id."""
    if not rater:
        return "somebody"
    version = f"@{rater['version']}" if rater.get("version") is not None else ""
    return " ".join(part for part in (rater.get("kind") or "", f"{rater.get('id') or ''}{version}") if part)


def said_text(fields: Mapping[str, Any]) -> str:
    """A value of feedback in words."""
    for name, tell in _VALUES.items():
        if fields.get(name) is not None:
            return tell(fields)
    return ""


def _number(fields: Mapping[str, Any]) -> str:
    low, high = fields.get("minimum"), fields.get("maximum")
    scale = "" if low is None or high is None else f" on {low:g} to {high:g}"
    return f"{fields['number']:g}{scale}"


def _signal(fields: Mapping[str, Any]) -> str:
    number = fields.get("number")
    return str(fields["name"]) if number is None else f"{fields['name']}: {number:g}"


_VALUES: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "like": lambda fields: "liked" if fields["like"] else "disliked",
    "name": _signal,
    "number": _number,
    "labels": lambda fields: ", ".join(fields["labels"]),
    "text": lambda fields: str(fields["text"])[:_SHOWN],
    "content": lambda _: "corrected it",
    "spans": lambda fields: f"{len(fields['spans'])} spans",
}


def _rubric(fields: Mapping[str, Any]) -> str | None:
    if not fields.get("rubric"):
        return None
    version = fields.get("rubric_version")
    return str(fields["rubric"]) if version is None else f"{fields['rubric']} {version}"


def _judged(fields: Mapping[str, Any]) -> str:
    feedback = fields["feedback"]
    value = feedback.get("value")
    said = "withdrew feedback" if value is None else said_text(value[1])
    return f"{rater_text(feedback.get('rater'))}: {feedback.get('aspect', '')} {said}"


def _excluded(fields: Mapping[str, Any]) -> str:
    what = "message" if fields.get("message_id") else "conversation"
    done = "kept out of training" if fields.get("excluded", True) else "let into training again"
    return f"{what} {done}"


_TELL: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "StartConversation": lambda _: "the conversation started",
    "UpdateConversation": lambda _: "facts of the conversation changed",
    "AddMessage": lambda fields: f"{fields.get('role', '')} message",
    "UpdateMessage": _judged,
    "CompareMessages": lambda fields: f"{rater_text(fields.get('rater'))} compared answers",
    "EndConversation": lambda fields: f"the conversation ended ({fields.get('reason', '')})",
    "EraseConversation": lambda _: "the conversation was erased",
    "ExcludeFromTraining": _excluded,
    "DeclineReview": lambda fields: f"{rater_text(fields.get('rater'))} declined to review",
}
