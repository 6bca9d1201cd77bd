"""An importer of one's own: JSON lines of `{"bot", "talk": [{"by", "says", "thumb"}]}`."""

from typing import Any

from plaudit_producers.importers import Chat, json_lines


def build(chat: Chat, record: dict[str, Any]) -> None:
    """One record becomes one conversation; whatever is raised makes it a bad record."""
    chat.start(model=record["bot"], tags={"tavern": record.get("tavern", "")})
    for line in record["talk"]:
        message = chat.add_message("user" if line["by"] == "guest" else "assistant", line["says"])
        if line.get("thumb") == "up":
            chat.like(message)
        elif line.get("thumb") == "down":
            chat.dislike(message)
    chat.end()


FORMAT = json_lines("tavern-log", build, help="the tavern's chats, with thumbs")
