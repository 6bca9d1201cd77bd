"""A custom importer, for JSON lines of `{"bot", "talk": [{"by", "says", "thumb"}]}`."""

from typing import Any

from plaudit_producers.importers import Chat, has_fields, json_lines


def build(chat: Chat, record: dict[str, Any]) -> None:
    """Turn one record into one conversation. An exception makes it a bad record, and the import continues."""
    # No ids and times here: the import derives them, so a second import of the file adds nothing.
    chat.start(model=record["bot"], tags={"tavern": record.get("tavern", "")})
    for line in record["talk"]:
        message = chat.add_message("user" if line["by"] == "guest" else "assistant", line["says"])
        if line.get("thumb") == "up":
            chat.like(message)
        elif line.get("thumb") == "down":
            chat.dislike(message)
    chat.end()


FORMAT = json_lines("tavern-log", build, help="the tavern's chats", recognises=has_fields("bot", "talk"))
