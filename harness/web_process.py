"""One of our web servers as a real process: the gateway, the console or the chat page."""

import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.access.principals import ApiRole
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.environ import environ_with
from harness.waiting import eventually

_LISTENS = re.compile(r"listens on (http://\S+)")


@dataclass
class WebProcess:
    """A `plaudit` sub-command that listens on an address, and its file of API keys.

    Attributes:
        command: the sub-command. The names of its settings begin with it.
        arguments: further arguments of the sub-command.
        settings: settings by name, such as `gateway_page_rate`; they override the usual ones.
        url: the address; known once the process listens.
        logged_before: the size of the log when the process was last started.
    """

    command: ClassVar[str]

    connection: ConnectionSettings
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    url: str = ""
    logged_before: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def keys(self) -> FileKeyStore:
        """The API keys of the process."""
        return FileKeyStore(self.folder / "keys.json")

    def key(
        self,
        *roles: ApiRole,
        application: str = "shop",
        rate: float | None = 1e6,
        name: str = "",
        person: str | None = None,
        byte_rate: float | None = None,
    ) -> str:
        """Make an API key and return its secret. A running process knows it within seconds."""
        made = make_key(
            application,
            frozenset(roles or ("producer", "reader")),
            name=name,
            rate=rate,
            byte_rate=byte_rate,
            person=person,
        )
        self.keys.add(made.key)
        return made.secret

    def launch(self) -> None:
        """Start the process and wait until it listens."""
        settings = {
            "data": str(self.folder),  # or a local stack in the working folder would give settings
            "bootstrap_servers": self.connection.bootstrap_servers,
            "redis_url": self.connection.redis_url.get_secret_value(),
            "topic_prefix": self.connection.topic_prefix,
            "redis_prefix": self.connection.redis_prefix,
            f"{self.command}_port": "0",
            "gateway_keys": str(self.folder / "keys.json"),
            **self.settings,
        }
        if not (self.folder / "keys.json").exists():  # the process would refuse to start
            self.keys.write(KeyBook({}))
        # The log of an earlier start holds an earlier address.
        self._log_path.touch()
        self.logged_before = self._log_path.stat().st_size
        command = [sys.executable, "-m", "plaudit_infra.main", self.command, *self.arguments]
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(command, env=environ_with(**settings), stdout=log, stderr=log)
        eventually(lambda: bool(self._address()), f"the {self.command} listens")
        self.url = self._address()

    def wait_ready(self) -> None:
        """Wait until the process says that it is ready."""
        eventually(self.ready, f"the {self.command} is ready")

    def ready(self) -> bool:
        """Whether the process says that it is ready."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return self.status("/health/ready") == 200

    def status(self, path: str, **headers: str) -> int:
        """The status of an answer to a request without a key; 0 if there is no answer."""
        try:
            with httpx.stream("GET", self.url + path, headers=headers, timeout=30) as answer:
                return answer.status_code
        except httpx.TransportError:
            return 0

    def stop(self) -> int:
        """Send SIGTERM and wait for the end. Returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(180)
        except subprocess.TimeoutExpired:
            self.kill()
            sys.stderr.write(self.log())  # where it hangs
            raise

    def kill(self) -> None:
        """End the process as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(120)

    def log(self) -> str:
        """Everything that the process has logged."""
        return self._log_path.read_text()

    @property
    def _log_path(self) -> Path:
        return self.folder / f"{self.command}.log"

    def _address(self) -> str:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        found = _LISTENS.search(self.log()[self.logged_before :])
        return found.group(1) if found else ""
