"""Short functions that make finished conversations and amendments."""

from typing import Any

from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract import names
from plaudit_stream_processors.fold import EMITTED

T0_MS = 1_790_000_000_000
ENCODERS = {name: Encoder(name) for name in EMITTED}
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


def amended(word: Record | None = None, **more: Any) -> tuple[str, Record]:
    """The body of an amendment: a judgement, a comparison, a denial or an exclusion.

    Args:
        word: what `said`, `like` and so on, or `comparison`, give.
        more: `consent`; or `excluded`, the message that is excluded, with its `reason`.
    """
    if "consent" in more:
        return names.UPDATE_CONVERSATION, more
    if "excluded" in more:
        who = {"id": "r", "kind": "reviewer"}
        fields = {"message_id": more["excluded"], "reason": more.get("reason", ""), "rater": who}
        return names.EXCLUDE_FROM_TRAINING, fields
    fields = dict(word or like("a"))
    fields.pop("occurred_at")
    return (names.UPDATE_MESSAGE if "feedback" in fields else names.COMPARE_MESSAGES), fields


def amendment(body: tuple[str, Record] | None = None, *, offset: int = 7, **more: Any) -> Record:
    """An amendment of the conversation `c0`."""
    return {
        "application": "acme",
        "conversation_id": "c0",
        "event_id": f"late-{offset}",
        "occurred_at": T0_MS * 1000,
        "arrived_at": T0_MS * 1000 + offset,
        "source": "review",
        "body": body or amended(),
        "rules": 2,
        "source_partition": 0,
        "source_offset": offset,
        **more,
    }


def encoded(record: Record) -> bytes:
    """The payload of a finished conversation or of an amendment."""
    return ENCODERS["amendment" if "body" in record else "finished_conversation"].encode(record)
