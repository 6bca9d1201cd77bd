"""A conversation as the browser gets it, whether it comes from Redis, the log or a file. Pure."""

from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_producers.review.rendering import rendered

from plaudit_infra.conversations_page.judgements import comparison_view, feedback_view

Document = Mapping[str, Any]
"""A conversation as `plaudit conversation --json` prints it."""

CUT_AT: Final = 20_000
"""Characters of a text that are sent at once. The rest is asked for."""
_MOST_CHARACTERS: Final = 1_500_000
_FACTS: Final = (
    "user_id", "model", "consent", "tags", "variants", "task", "prompt", "session", "continues", "licence",
    "source", "end_reason", "missing_events",
)  # fmt: skip
_MESSAGE_FACTS: Final = (
    "finish_reason", "latency_ms", "first_token_ms", "parameters", "variants", "metadata", "prompt",
)  # fmt: skip


def conversation_view(document: Document, *, source: str, excluded: Set[str] = frozenset()) -> dict[str, Any]:
    """A conversation with its messages and all that was said of them.

    Texts beyond 1.5 million characters are left to be asked for, message by message.

    Args:
        source: where it comes from: live, finished or log.
        excluded: ids of messages that are kept out of training; the empty id is the whole conversation.
    """
    left = _MOST_CHARACTERS
    messages = []
    for message in document["messages"]:
        longest = min(CUT_AT, max(0, left))
        view = message_view(message, longest)
        left -= len(view["text"]) + min(longest, len(message.get("reasoning") or ""))
        view["excluded"] = message["message_id"] in excluded
        messages.append(view)
    end = document.get("end") or {}
    return {
        "id": document["conversation_id"],
        "source": source,
        "open": bool(document.get("open")),
        "revision": document.get("revision") or 0,
        "events": document.get("events"),
        "started_ms": milliseconds(document.get("started_at")),
        "ended_ms": end.get("arrived_ms") if isinstance(end, Mapping) else None,
        "facts": list(_facts(document)),
        "tools": document.get("tools"),
        "excluded": "" in excluded,
        "messages": messages,
        "feedback": [feedback_view(slot) for slot in document.get("feedback") or ()],
        "comparisons": [comparison_view(each) for each in document.get("comparisons") or ()],
    }


def found_view(document: Document, moment_ms: int | None, source: str) -> dict[str, Any]:
    """A line of the results: what a person needs to choose a conversation."""
    messages = document["messages"]
    said = [each for each in messages if each.get("role") == "user"] or messages
    judged = [feedback_view(slot) for slot in document.get("feedback") or ()]
    return {
        "id": document["conversation_id"],
        "source": source,
        "open": bool(document.get("open")),
        "moment_ms": moment_ms,
        "user": document.get("user_id"),
        "models": sorted(_models(document)),
        "messages": len(messages),
        "first": _shortened(said[0].get("content") or "") if said else "",
        "low": sum(each["low"] for each in judged),
        "feedback": len(judged),
    }


def message_view(message: Mapping[str, Any], longest: int | None = CUT_AT) -> dict[str, Any]:
    """A message. Its HTML is safe.

    Args:
        longest: characters of its text, and of its reasoning; None for all of the text.
    """
    content = message.get("content") or ""
    text = content if longest is None else content[:longest]
    reasoning = (message.get("reasoning") or "")[: CUT_AT if longest is None else longest]
    model = message.get("model")
    return {
        "id": message["message_id"],
        "parent": message.get("parent_id") or "",
        "role": message.get("role", "unknown"),
        "text": text,
        "html": rendered(text),
        "more": len(content) - len(text),
        "reasoning_html": rendered(reasoning) if reasoning else None,
        "calls": [
            {"name": call.get("name"), "arguments": call.get("arguments")}
            for call in message.get("tool_calls") or ()
        ],
        "answers_call": message.get("tool_call_id"),
        "attachments": [each.get("uri") for each in message.get("attachments") or ()],
        "model": _model_name(model) if model else None,
        "status": message.get("status", "complete"),
        "author": _author(message.get("author")),
        "at_ms": milliseconds(message.get("occurred_at")),
        "facts": list(_message_facts(message)),
    }


def _facts(document: Document) -> Iterator[tuple[str, str]]:
    for name in _FACTS:
        value = document.get(name)
        if value not in (None, "", {}, [], 0):
            yield name.replace("_", " "), _text(value)


def _message_facts(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in (
        "finish_reason",
        "latency_ms",
        "first_token_ms",
        "parameters",
        "variants",
        "metadata",
        "prompt",
    ):
        value = message.get(name)
        if value not in (None, "", {}, []):
            yield name.replace("_", " "), _text(value)
    usage = message.get("usage") or {}
    for name in ("input", "output"):
        if usage.get(name) is not None:
            yield f"tokens {name}", str(usage[name])


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        if "id" in value:
            return _model_name(value)
        return ", ".join(f"{name}={each}" for name, each in value.items())
    return str(value)


def _models(document: Document) -> set[str]:
    return {_model_name(each["model"]) for each in (document, *document["messages"]) if each.get("model")}


def _model_name(model: Mapping[str, Any]) -> str:
    return model["id"] if model.get("version") is None else f"{model['id']} {model['version']}"


def _author(author: Mapping[str, Any] | None) -> str | None:
    if not author:
        return None
    return " ".join(str(part) for part in (author.get("kind"), author.get("id")) if part)


def _shortened(text: str) -> str:
    plain = " ".join(text[:1000].split())
    return plain if len(plain) <= 200 else f"{plain[:200]} ..."


def milliseconds(moment: Any) -> int | None:
    """Milliseconds since 1970, of microseconds or a datetime; None of None."""
    if isinstance(moment, datetime):
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    return None if moment is None else int(moment) // 1000
