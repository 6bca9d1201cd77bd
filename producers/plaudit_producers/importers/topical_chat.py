"""Topical-Chat: one JSON object of conversations, in which the partner rates every turn."""

from typing import Any

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_object
from plaudit_producers.importers.sample import Recognised, Sample

_ROLES = {"agent_1": "user", "agent_2": "assistant"}
_RATERS = {"agent_1": Rater(), "agent_2": Rater(id="agent_2", kind="reviewer")}
"""A person plays the assistant. That person is not the conversation's user, and so is a reviewer."""
_OTHER = {"agent_1": "agent_2", "agent_2": "agent_1"}
_STARS = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}


def build_topical_chat(chat: Chat, item: tuple[str, Any]) -> None:
    key, conversation = item
    turns = expect(expect(conversation, dict, "a conversation")["content"], list, "content")
    tags = {"original_id": key}
    tags |= {name: str(conversation[name]) for name in ("config", "article_url") if name in conversation}
    chat.identify(key)
    chat.start(tags=tags)
    for turn in turns:
        _add_turn(chat, turn)
    for agent, rating in sorted(conversation.get("conversation_rating", {}).items()):
        _add_rating(chat, None, rating, agent)
    chat.end()


def _add_turn(chat: Chat, turn: dict[str, Any]) -> None:
    agent = turn["agent"]
    if agent not in _ROLES:
        raise ValueError(f"agent must be agent_1 or agent_2, not {agent!r}")
    metadata = {name: turn[name] for name in ("sentiment", "knowledge_source") if name in turn}
    message = chat.add_message(
        _ROLES[agent], turn["message"], metadata={name: as_text(value) for name, value in metadata.items()}
    )
    _add_rating(chat, message, turn.get("turn_rating", ""), _OTHER[agent])


def _add_rating(chat: Chat, message: str | None, rating: str, rater: str) -> None:
    if rating == "":  # not rated
        return
    if rating not in _STARS:
        raise ValueError(f"rating must be one of {', '.join(_STARS)} or empty, not {rating!r}")
    chat.rate(message, _STARS[rating], rater=_RATERS[rater])


def recognise(sample: Sample) -> Recognised | None:
    for _, conversation in sample.pairs or [("", {})]:
        turns = conversation["content"]
        if not all("agent" in turn and "message" in turn for turn in turns):
            return None
    return Recognised(0.9, "it is an object of chats, each with the turns of two agents")


FORMAT = json_object(
    "topical-chat",
    build_topical_chat,
    help="Topical-Chat: a JSON object of chats, every turn rated",
    recognises=recognise,
)
