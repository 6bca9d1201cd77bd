"""Votes of Open WebUI with their chats, as its export has them."""

import json
from typing import Any

import redis

from harness.gateway import Gateway

CHANGED = 1_750_000_000


def messages(*answers: tuple[str, str]) -> dict[str, dict[str, Any]]:
    """A question and its answers, which are branches: (id, text) of each."""
    found: dict[str, dict[str, Any]] = {
        "q": {"id": "q", "parentId": None, "role": "user", "content": "Hi", "timestamp": 1_700_000_000}
    }
    for name, text in answers:
        answer = {"id": name, "parentId": "q", "role": "assistant", "content": text}
        found[name] = {**answer, "model": f"m-{name}", "done": True}
    return found


TWO = messages(("a", "one"), ("b", "two"))


def vote(
    chat: str, message_id: str, rating: Any, *, version: int = 0, said: dict[str, Any] = TWO, **data: Any
) -> dict[str, Any]:
    """A record of a vote of user `u`, of the time CHANGED and so many seconds."""
    inner = {"title": "T", "history": {"messages": said, "currentId": message_id}}
    return {
        "id": f"{chat}-{message_id}",
        "user_id": "u",
        "version": 0,
        "type": "rating",
        "data": {"rating": rating, "model_id": f"m-{message_id}", "reason": None, "comment": None, **data},
        "meta": {"chat_id": chat, "message_id": message_id, "arena": False},
        "snapshot": {"chat": {"id": chat, "user_id": "u", "title": "T", "chat": inner}},
        "created_at": CHANGED,
        "updated_at": CHANGED + version,
    }


def make_older(gateway: Gateway, seconds: float) -> None:
    """Let the gateway believe that it sent all votes so many seconds earlier."""
    with redis.Redis.from_url(gateway.connection.redis_url.get_secret_value()) as client:
        for name in client.keys(f"{gateway.connection.redis_prefix}plaudit:open-webui:*"):
            for vote_id, row in client.hgetall(name).items():
                *fields, sent_at = json.loads(row)
                client.hset(name, vote_id, json.dumps([*fields, sent_at - seconds]))
