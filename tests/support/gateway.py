"""A gateway as a real process on topics and keys of its own."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from plaudit_schemas.settings.connection import SecretUrl

from tests.support.event_log import own_topics
from tests.support.web_process import WebProcess


@dataclass
class Gateway(WebProcess):
    """Start with `start`; `client` speaks to it with a key's credentials."""

    command = "gateway"
    secret: str = ""

    def start(self, *, ready: bool = True) -> "Gateway":
        """Start the process and wait until it is ready, or at least listens."""
        self.settings.setdefault("gateway_address_rate", "100000")
        self.launch()
        if ready:
            self.wait_ready()
        return self

    def client(self, credential: str | None = None) -> httpx.Client:
        """A client that sends a key or a token."""
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def metric(self, line: str) -> float:
        """The value of one sample, such as `plaudit_gateway_ready`; 0 where it is not."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = [row for row in text.splitlines() if row.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
    """The event ids that an answer accepted."""
    results: Iterable[dict[str, Any]] = answer.json()["results"]
    return [result["event_id"] for result in results if result["status"] == "accepted"]


def make_gateway(kafka: str, redis: str, folder: Path, **settings: str) -> Gateway:
    """A gateway that is not started yet."""
    connection = own_topics(kafka)
    connection = connection.model_copy(
        update={"redis_url": SecretUrl(redis), "redis_prefix": connection.topic_prefix}
    )
    return Gateway(connection, folder, dict(settings))
