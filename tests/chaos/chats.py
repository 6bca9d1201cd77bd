"""Chats of the file `topical_chat/test_freq.json` as the gateway's JSON, read here and nowhere else.

The checker and the sender are the only ones that use it; neither uses a line of the pipeline's code.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RATINGS = {"Poor": 1, "Not Good": 2, "Passable": 3, "Good": 4, "Excellent": 5}
Event = dict[str, Any]


class Chat(NamedTuple):
    """One conversation of the file: its texts in order, and the ratings of the assistant's turns."""

    name: str
    texts: list[str]
    roles: list[str]
    ratings: dict[int, int]

    @property
    def events(self) -> list[Event]:
        """What is sent, in order, with ids that a repetition makes again."""
        events: list[Event] = [
            {"type": "StartConversation", "consent": "granted", "model": {"id": "topical", "version": "1"}}
        ]
        for number, (text, role) in enumerate(zip(self.texts, self.roles, strict=True)):
            events.append({"type": "AddMessage", "message_id": f"m{number}", "role": role, "content": text})
            if number in self.ratings:
                events.append({"type": "UpdateMessage", **_rating(number, self.ratings[number])})
        events.append({"type": "EndConversation", "reason": "closed"})
        return [
            {"event_id": f"{self.name}.{number}", "conversation_id": self.name, "body": body}
            for number, body in enumerate(events)
        ]


def chats(path: Path, limit: int) -> Iterator[Chat]:
    """The first `limit` conversations."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for number, (name, said) in enumerate(document.items()):
        if number == limit:
            return
        turns = said["content"]
        roles = ["user" if turn["agent"] == "agent_1" else "assistant" for turn in turns]
        ratings = {
            place: RATINGS[turn["turn_rating"]]
            for place, (turn, role) in enumerate(zip(turns, roles, strict=True))
            if turn["turn_rating"] and role == "assistant"
        }
        yield Chat(name, [turn["message"] for turn in turns], roles, ratings)


def _rating(number: int, rating: int) -> dict[str, Any]:
    value = {"kind": "number", "number": rating, "minimum": 1, "maximum": 5}
    feedback = {"id": f"f{number}", "aspect": "satisfaction", "value": value}
    return {"message_id": f"m{number}", "feedback": feedback}
