"""A conversation as the fields of a Redis hash, and back. The values are JSON that a person can read.

`conversation` holds the facts, `votes` the votes, and `progress` what changes with every event. Each
message, feedback slot and comparison has a field of its own. So a commit writes only what changed.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from plaudit_stream_processors.fold.conversation import ConversationState

_dumps = orjson.dumps


def changed_fields(state: ConversationState) -> list[str | bytes]:
    """The fields that changed since the last call: field, value, field, value ... Clears `state.dirty`."""
    out: list[str | bytes] = ["progress", _progress(state)]
    for field, entity in state.dirty.items():
        out.append(field)
        if entity is not None:
            out.append(_dumps(entity))
        elif field == "votes":
            out.append(_dumps(state.votes))
        else:
            out.append(_conversation(state))
    state.dirty.clear()
    return out


def conversation_of(key: str, fields: Mapping[bytes, bytes]) -> ConversationState:
    """The state of a hash that `changed_fields` wrote.

    Raises:
        ValueError: a value is not JSON.
        KeyError: a field or a part of a value is missing or unknown.
    """
    documents = {field: orjson.loads(value) for field, value in fields.items()}
    return conversation_of_documents(key, documents, sum(map(len, fields.values())))


def conversation_of_documents(key: str, documents: Mapping[bytes, Any], size: int) -> ConversationState:
    """The state of a hash whose values are parsed. They become parts of the state.

    Args:
        size: of all values as JSON, in bytes.

    Raises:
        KeyError: a field or a part of a value is missing or unknown.
    """
    application, _, conversation_id = key.partition("/")
    state = ConversationState(application, conversation_id)
    groups: dict[str, list[dict[str, Any]]] = {"message": [], "feedback": [], "comparison": []}
    slots: list[str] = []
    for field, document in documents.items():
        kind, _, name = field.decode().partition(":")
        if kind in groups:
            groups[kind].append(document)
            if kind == "feedback":
                slots.append(name)
        else:
            _LOADERS[kind](state, document)
    _load_entities(state, groups, slots)
    # Stands for the bytes of the events, which Redis does not hold.
    state.size = size
    state.listed_open = state.is_open
    return state


def _progress(state: ConversationState) -> bytes:
    document: dict[str, Any] = {
        "open": state.is_open,
        "events": state.events,
        "activity_ms": state.activity_ms,
        "last_message": state.last_message,
        "producers": state.producers,
    }
    if state.used is not None:
        document["bytes"] = state.used
    if state.end is not None:
        document |= {
            "revision": state.revision,
            "end": state.end,
            "spent": state.spent,
            "erased": state.erased,
        }
    return _dumps(document)


def _load_progress(state: ConversationState, document: dict[str, Any]) -> None:
    state.is_open = document["open"]
    state.events = document["events"]
    state.activity_ms = document["activity_ms"]
    state.last_message = document["last_message"]
    state.producers = document["producers"]
    state.used = document.get("bytes")
    state.revision = document.get("revision", 0)
    state.end = document.get("end")
    state.spent = document.get("spent")
    state.erased = document.get("erased", False)


def _conversation(state: ConversationState) -> bytes:
    return _dumps(
        {
            "started_at": state.started,
            "series": state.series,
            "facts": state.facts,
            "stamps": state.stamps,
            "events": state.lifecycle,
        }
    )


def _load_conversation(state: ConversationState, document: dict[str, Any]) -> None:
    state.started = document["started_at"]
    state.series = document["series"]
    state.facts = document["facts"]
    state.stamps = document["stamps"]
    state.lifecycle = document["events"]
    state.seen.update(state.lifecycle)


def _load_votes(state: ConversationState, document: dict[str, Any]) -> None:
    state.votes = document


_LOADERS = {"progress": _load_progress, "conversation": _load_conversation, "votes": _load_votes}


def _load_entities(
    state: ConversationState, groups: dict[str, list[dict[str, Any]]], slots: list[str]
) -> None:
    for message in sorted(groups["message"], key=lambda item: int(item["n"])):
        state.messages[message["message_id"]] = message
        state.seen.update(message["events"])
        if message["role"] == "assistant":
            state.children.setdefault(message["parent_id"], []).append(message["message_id"])
    # A hash has no order. Figures do not depend on that of the slots, and finished records sort by slot.
    for slot, entity in sorted(zip(slots, groups["feedback"], strict=True), key=lambda pair: pair[0]):
        state.feedback[slot] = entity
        state.slots_of.setdefault(entity["message_id"] or "", []).append(slot)
        state.seen.update(entity["events"])
    for comparison in sorted(groups["comparison"], key=lambda item: int(item["n"])):
        state.comparisons[comparison["comparison_id"]] = comparison
        state.seen.update(comparison["events"])
