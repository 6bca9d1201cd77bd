"""A gateway as a real process on topics and keys of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from plaudit_producers.gateway.access import ApiRole
from plaudit_producers.gateway.keys import make_key
from plaudit_producers.gateway.keystore import FileKeyStore
from plaudit_schemas.connection import ConnectionSettings, SecretUrl

from tests.producers.sdk.topics import own_topics
from tests.support.services import eventually

_LISTENS = re.compile(r"listens on (http://\S+)")


@dataclass
class Gateway:
    """Start with `start`; `client` speaks to it with a key's credentials."""

    connection: ConnectionSettings
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    url: str = ""
    secret: str = ""
    logged_before: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def key(
        self, *roles: ApiRole, application: str = "shop", rate: float | None = 1e6, name: str = ""
    ) -> str:
        """A new API key; given to the gateway's key file, so before `start` it is known at once."""
        made = make_key(application, frozenset(roles or ("producer", "reader")), name=name, rate=rate)
        FileKeyStore(self.folder / "keys.json").add(made.key)
        return made.secret

    def start(self, *, ready: bool = True) -> "Gateway":
        """Start the process and wait until it is ready, or at least listens."""
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")},
            "PLAUDIT_DATA": str(self.folder),
            "PLAUDIT_BOOTSTRAP_SERVERS": self.connection.bootstrap_servers,
            "PLAUDIT_REDIS_URL": self.connection.redis_url.get_secret_value(),
            "PLAUDIT_TOPIC_PREFIX": self.connection.topic_prefix,
            "PLAUDIT_REDIS_PREFIX": self.connection.redis_prefix,
            "PLAUDIT_GATEWAY_PORT": "0",
            "PLAUDIT_GATEWAY_KEYS": str(self.folder / "keys.json"),
            "PLAUDIT_GATEWAY_ADDRESS_RATE": "100000",
            **{f"PLAUDIT_{name.upper()}": value for name, value in self.settings.items()},
        }
        log = self.folder / "gateway.log"
        log.touch()
        self.logged_before = log.stat().st_size
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plaudit_infra.main", "gateway"], env=environ, stdout=file, stderr=file
            )
        eventually(lambda: bool(self._address()), "the gateway listens", 60)
        self.url = self._address()
        if ready:
            eventually(self.ready, "the gateway is ready", 60)
        return self

    def ready(self) -> bool:
        """Whether it says that it is."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """SIGTERM, then wait; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "gateway.log").read_text()

    def client(self, credential: str | None = None) -> httpx.Client:
        """A client that sends a key or a token."""
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def metric(self, line: str) -> float:
        """The value of one sample, such as `plaudit_gateway_ready`; 0 where it is not."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = [row for row in text.splitlines() if row.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def _address(self) -> str:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        found = _LISTENS.search(self.log()[self.logged_before :])
        return found.group(1) if found else ""


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
