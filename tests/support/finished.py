"""Short functions that make finished conversations."""

from typing import Any

from plaudit_schemas.codec.wire import Encoder

T0_MS = 1_790_000_000_000
ENCODER = Encoder("finished_conversation")
Record = dict[str, Any]


def message(message_id: str, role: str = "assistant", **more: Any) -> Record:
    """A message. Without a parent it answers the message before it in `finished`."""
    return {
        "message_id": message_id,
        "role": role,
        "content": f"text of {message_id}",
        "status": "complete",
        "occurred_at": T0_MS * 1000,
        **more,
    }


def said(message_id: str | None, kind: str, value: Record, **more: Any) -> Record:
    """A judgement. `more` may hold rater, aspect and confidence."""
    rater = {"id": "u", "kind": "user", **more.pop("rater", {})}
    return {
        "message_id": message_id,
        "occurred_at": T0_MS * 1000,
        "feedback": {
            "id": "f",
            "aspect": "satisfaction",
            "kind": kind,
            "value": (f"plaudit.v1.{kind.capitalize()}", value),
            "signal": value["name"] if kind == "signal" else None,
            **more,
            "rater": rater,
        },
    }


def like(message_id: str | None, liked: bool = True, **more: Any) -> Record:
    return said(message_id, "thumb", {"like": liked}, **more)


def number(message_id: str, value: float, **more: Any) -> Record:
    return said(message_id, "number", {"number": value, "minimum": 1.0, "maximum": 5.0}, **more)


def correction(message_id: str, text: str, **more: Any) -> Record:
    return said(message_id, "correction", {"content": text}, **more)


def comparison(ranking: list[list[str]], **more: Any) -> Record:
    return {
        "comparison_id": f"c{ranking}",
        "candidates": [name for group in ranking for name in group],
        "ranking": ranking,
        "rater": {"id": "u", "kind": "user", **more.pop("rater", {})},
        "aspect": "preference",
        "occurred_at": T0_MS * 1000,
        **more,
    }


def finished(*messages: Record, offset: int = 7, **more: Any) -> Record:
    """A finished conversation. Each message without a parent answers the message before it."""
    last = ""
    placed = []
    for each in messages:
        placed.append({"parent_id": last, **each})
        last = each["message_id"]
    return {
        "application": "acme",
        "conversation_id": f"c{offset}",
        "revision": 1,
        "started_at": T0_MS * 1000,
        "ended_at": T0_MS * 1000 + 5,
        "finished_at": T0_MS * 1000 + offset,
        "end_reason": "closed",
        "source": "sdk",
        "model": {"id": "m", "version": "1"},
        "user_id": "user-1",
        "consent": "granted",
        "messages": placed,
        "events": 9,
        "source_partition": 0,
        "source_offset": offset,
        **more,
    }


def chat(*feedback: Record, **more: Any) -> Record:
    """A conversation of a question `q` and an answer `a`, with feedback."""
    return finished(message("q", "user"), message("a"), feedback=list(feedback), **more)


def encoded(record: Record) -> bytes:
    return ENCODER.encode(record)
