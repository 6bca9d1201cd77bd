"""The local stack: Kafka and Valkey on one data folder, for a laptop."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from plaudit_schemas.service.redis import AWAY, connect_blocking
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl

from plaudit_infra.servers.errors import AlreadyRunningError, StackError
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.private import make_private
from plaudit_infra.servers.server import Server
from plaudit_infra.servers.valkey import ValkeyServer

PARTITIONS = 8
"""Partitions of new topics on a local stack: fewer than in production, so that the stack stays light."""


class Stack:
    """Starts, finds and stops the servers of one data folder.

    If the address of an existing server is given, only the other server is started. The addresses go to
    `stack.json`, where every `plaudit` command finds them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bootstrap_servers: str | None = None,
        redis_url: str | None = None,
        detached: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`settings` are given to every `plaudit` command on the folder, beside the addresses."""
        self.folder = folder.resolve()
        self._bootstrap_servers, self._redis_url = bootstrap_servers, redis_url
        self._settings = settings
        alive = not detached
        self.kafka = KafkaServer(self.folder / "kafka", dies_with_parent=alive)
        self.valkey = ValkeyServer(self.folder / "valkey", dies_with_parent=alive)
        self._file = self.folder / "stack.json"
        self._lock: IO[str] | None = None

    def start(self, report: Callable[[str], None] = lambda _line: None) -> dict[str, str]:
        """Start the missing servers, beside those that run. Returns the settings with the addresses.

        Raises:
            AlreadyRunningError: all servers run on this folder, or are being started.
            StackError: a server did not start, or a given address does not answer.
        """
        _check_given(self._bootstrap_servers, self._redis_url)
        self._take_lock()
        for server in self._servers():
            server.refresh()  # another process may have changed it before we got the lock
        missing = self._missing()
        self._start_servers(missing, report)
        own = {"PLAUDIT_ALLOW_ONE_REPLICA": "true"} if self._bootstrap_servers is None else {}
        settings = {
            "PLAUDIT_PARTITIONS": str(PARTITIONS),
            **self._settings,
            **own,
            "PLAUDIT_REDIS_URL": self._redis_url or self.valkey.address,
            "PLAUDIT_BOOTSTRAP_SERVERS": self._bootstrap_servers or self.kafka.address,
        }
        self._write(settings)
        return settings

    def _missing(self) -> list[Server]:
        """The own servers that do not run. Releases the lock if there is nothing to start."""
        given = {self.valkey: self._redis_url, self.kafka: self._bootstrap_servers}
        running = [server for server in given if server.is_running()]
        missing = [server for server, address in given.items() if not address and server not in running]
        if missing and not any(given[server] for server in running):
            return missing
        if not running:
            return []  # both addresses were given
        self.release()
        raise AlreadyRunningError(
            f"{' and '.join(server.name for server in running)} already run on {self.folder}; see "
            "`plaudit status`, or stop them with `plaudit down`"
        )

    def _start_servers(self, missing: Sequence[Server], report: Callable[[str], None]) -> None:
        """Start servers. If one does not come up, those that were started before it are stopped again."""
        for at, server in enumerate(missing):
            report(f"starting {server.name.capitalize()}")
            try:
                server.start()
            except BaseException:
                for started in missing[: at + 1]:
                    started.stop()
                self.release()
                raise

    def stop(self) -> list[str]:
        """Stop the servers of this folder. Returns the names of those that ran."""
        self._file.unlink(missing_ok=True)  # first: no command should find servers that are stopping
        stopped = []
        for server in (self.kafka, self.valkey):
            if server.is_running():
                server.stop()
                stopped.append(server.name)
        self.release()
        return stopped

    def ended(self) -> list[str] | None:
        """Names of our servers that ended by themselves; None if `plaudit down` stopped the stack."""
        own = {self.kafka: self._bootstrap_servers, self.valkey: self._redis_url}
        ended = [server.name for server, given in own.items() if not given and not server.is_running()]
        return ended if self._file.exists() else None  # asked last, because `stop` removes it first

    def status(self) -> list[dict[str, Any]]:
        """Each server of this folder: name, whether it runs and answers, address, pid, log."""
        rows = []
        settings = self._read().get("settings", {})
        for server, setting in (
            (self.kafka, "PLAUDIT_BOOTSTRAP_SERVERS"),
            (self.valkey, "PLAUDIT_REDIS_URL"),
        ):
            running = server.is_running()
            own = server.address if server.ports else None
            address = settings.get(setting, own)
            external = address is not None and address != own
            answers = _answers(setting, address) if external else running and server.answers()
            process = server.process_id
            rows.append(
                {
                    "server": server.name,
                    "state": "up" if answers else "not answering" if running or external else "down",
                    "address": _shown(address) if address and (answers or running) else None,
                    "pid": process.pid if process is not None and running else None,
                    "log": None if external else str(server.log),
                }
            )
        return rows

    def release(self) -> None:
        """Release the lock on the folder. Detached servers run on."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _servers(self) -> tuple[Server, ...]:
        return (self.kafka, self.valkey)

    def _take_lock(self) -> None:
        try:
            make_private(self.folder)
            lock = (self.folder / "lock").open("a")
        except OSError as error:
            raise StackError(
                f"{self.folder} cannot be written ({error.strerror}); choose another with --data"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunningError(
                f"another `plaudit up` holds {self.folder}; stop it first, or choose another with --data"
            ) from None
        os.set_inheritable(lock.fileno(), False)  # a server that lives on must not hold the lock
        self._lock = lock

    def _write(self, settings: dict[str, str]) -> None:
        aside = self._file.with_suffix(".new")
        servers = {server.name: server.describe() for server in self._servers() if server.is_running()}
        document = {"version": 1, "settings": settings, "servers": servers}
        aside.touch(mode=0o600)  # an address may hold a password
        aside.write_text(json.dumps(document, indent=2), encoding="utf-8")
        aside.replace(self._file)

    def _read(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document


def _check_given(bootstrap_servers: str | None, redis_url: str | None) -> None:
    for setting, address in (
        ("PLAUDIT_BOOTSTRAP_SERVERS", bootstrap_servers),
        ("PLAUDIT_REDIS_URL", redis_url),
    ):
        if address is not None and not _answers(setting, address):
            raise StackError(
                f"{_shown(address)} does not answer; check --{setting[8:].lower().replace('_', '-')}"
            )


def _shown(address: str) -> str:
    return str(SecretUrl(address))


def _answers(setting: str, address: str) -> bool:
    return _redis_answers(address) if setting == "PLAUDIT_REDIS_URL" else _kafka_answers(address)


def _redis_answers(url: str) -> bool:
    try:
        with connect_blocking(url) as client:
            return bool(client.ping())
    except (*AWAY, ValueError):
        return False


def _kafka_answers(bootstrap_servers: str) -> bool:
    try:
        connection = load(ConnectionSettings).model_copy(update={"bootstrap_servers": bootstrap_servers})
        return bool(AdminClient(connection.kafka(log_level=0)).list_topics(timeout=10).brokers)
    except KafkaException:
        return False
