"""What a page may see of a conversation's live state."""

from typing import Any

_CONVERSATION = ("application", "conversation_id", "open", "erased", "revision", "started_at")
_MESSAGE = ("message_id", "parent_id", "role", "content", "status", "occurred_at")


def page_view(state: dict[str, Any]) -> dict[str, Any]:
    """The part of a state that is its user's: no system prompt, reasoning or tool, no other rater's word."""
    return {
        **{name: state[name] for name in _CONVERSATION if name in state},
        "messages": [
            {name: message[name] for name in _MESSAGE if name in message}
            for message in state.get("messages", ())
            if message["role"] in ("user", "assistant")
        ],
        "feedback": [each for each in state.get("feedback", ()) if _by_user(each["feedback"])],
        "comparisons": [each for each in state.get("comparisons", ()) if _by_user(each)],
    }


def _by_user(judgement: dict[str, Any]) -> bool:
    return bool((judgement.get("rater") or {}).get("kind") == "user")
