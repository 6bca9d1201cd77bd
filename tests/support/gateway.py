"""A gateway with its own topics and Redis keys, and the events that tests send to it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
from plaudit_producers.gateway.access.principals import ApiRole
from plaudit_schemas.settings.connection import SecretUrl

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import own_topics


def message(content: str, conversation: str | None = "c1", role: str = "user", **more: Any) -> dict[str, Any]:
    """An event that adds a message."""
    body = {"type": "AddMessage", "role": role, "content": content}
    chat = {} if conversation is None else {"conversation_id": conversation}
    return {**chat, "body": body, **more}


def like(message_id: str | None, conversation: str | None = "c1", **rater: str) -> dict[str, Any]:
    """An event that likes a message."""
    feedback: dict[str, Any] = {"aspect": "satisfaction", "value": {"kind": "thumb", "like": True}}
    if rater:
        feedback["rater"] = rater
    chat = {} if conversation is None else {"conversation_id": conversation}
    return {**chat, "body": {"type": "UpdateMessage", "message_id": message_id, "feedback": feedback}}


def ids(answer: httpx.Response) -> list[str]:
    """The ids of the events that were accepted, from the gateway's answer."""
    results: Iterable[dict[str, Any]] = answer.json()["results"]
    return [result["event_id"] for result in results if result["status"] == "accepted"]


def known_key(gateway: Gateway, *roles: ApiRole, application: str = "shop") -> str:
    """The secret of a new key, once the gateway knows it."""
    secret = gateway.key(*roles, application=application)
    with gateway.client(secret) as client:
        eventually(lambda: client.get("/v1/conversations/none").status_code != 401, "the key is known")
    return secret


def make_gateway(kafka: str, redis: str, folder: Path, **settings: str) -> Gateway:
    """A gateway that is not started yet."""
    connection = own_topics(kafka)
    connection = connection.model_copy(
        update={"redis_url": SecretUrl(redis), "redis_prefix": connection.topic_prefix}
    )
    return Gateway(connection, folder, dict(settings))


def answers(client: httpx.Client, path: str, body: Any, status: int, **headers: str) -> Callable[[], bool]:
    """A condition: a post is answered with a status."""
    return lambda: client.post(path, json=body, headers=headers).status_code == status
