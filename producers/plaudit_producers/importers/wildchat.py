"""WildChat and LMSYS-Chat-1M: JSON lines of one chat each, with what was found out about each turn.

Shapes: the cards of `allenai/WildChat-1M`, `allenai/WildChat-nontoxic` and `lmsys/lmsys-chat-1m`.
"""

from collections.abc import Mapping
from typing import Any, Final

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_file
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.sample import Recognised, Sample

_ROLES: Final = ("system", "user", "assistant")
_TURN: Final = ("language", "country", "state", "toxic", "redacted", "turn_identifier")
_TAGS: Final = ("language", "country", "state", "toxic", "redacted", "turn")


def build_wildchat(chat: Chat, record: Mapping[str, Any]) -> None:
    given = expect(expect(record, dict, "a record")["conversation"], list, "conversation")
    turns = [expect(turn, dict, "a turn") for turn in given]
    user_id = record.get("hashed_ip") or next(
        (turn["hashed_ip"] for turn in turns if turn.get("hashed_ip")), None
    )
    chat.identify(record.get("conversation_id"))  # a conversation_hash may stand for several chats
    original = record.get("conversation_hash") or record.get("conversation_id")
    tags = {"original_id": as_text(original)} if original is not None else {}
    # The record's time is that of the last turn. The turns have their own, but not in every edition.
    first = next((turn["timestamp"] for turn in turns if turn.get("timestamp")), record.get("timestamp"))
    chat.start(
        model=record.get("model") or None,
        user_id=user_id,
        tags=tags | _given(record, _TAGS),
        **at_time(first, "timestamp"),
    )
    flags = record.get("openai_moderation") or []
    for number, turn in enumerate(turns):
        metadata = _given(turn, _TURN)
        if number < len(flags) and flags[number].get("flagged") is not None:
            metadata["openai_flagged"] = as_text(flags[number]["flagged"])
        _add_turn(chat, turn, metadata)
    chat.end()


def _add_turn(chat: Chat, turn: Mapping[str, Any], metadata: dict[str, str]) -> None:
    role = turn["role"]
    if role not in _ROLES:
        raise ValueError(f"role must be one of {', '.join(_ROLES)}, not {role!r}")
    at = at_time(turn.get("timestamp"), "timestamp")
    chat.add_message(role, turn["content"], metadata=metadata, **at)


def _given(record: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: as_text(record[name]) for name in names if record.get(name) not in (None, "")}


def _recognise(sample: Sample) -> Recognised | None:
    turns = [turn for record in sample.objects for turn in record.get("conversation") or [None]]
    fits = all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in turns)
    if not turns or not fits:
        return None
    own = all("conversation_hash" in record or "conversation_id" in record for record in sample.objects)
    return Recognised(0.9 if own else 0.6, "its records have a conversation of turns with role and content")


FORMAT = json_file(
    "wildchat",
    build_wildchat,
    help="WildChat, LMSYS-Chat-1M: chats with what was found out about each turn",
    recognises=_recognise,
)
