"""The whole line as supervised processes, and a seeded script that kills them."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from plaudit_infra.demo.services import PlauditService
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.server import Server
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics.admin import ensure

from harness.waiting import eventually
from tests.chaos.chats import Chat
from tests.chaos.checker import differences
from tests.chaos.sender import Sender

PARTITIONS = 4
_DEADLINE_S = 600.0
Report = Callable[[str], None]


class ChaosLine:
    """Kafka, Valkey, two workers, a sink and a gateway in a folder, all of them restarted when they end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, folder / "rows"
        kafka, valkey = KafkaServer(folder / "kafka", heap_mb=384), ValkeyServer(folder / "valkey")
        kafka.start()
        valkey.start()
        self.connection = ConnectionSettings(
            bootstrap_servers=kafka.address, redis_url=SecretUrl(valkey.address), partitions=PARTITIONS
        )
        ensure(self.connection)
        key = make_key("chaos", frozenset(("producer",)), name="chaos", rate=1e6)
        FileKeyStore(folder / "keys.json").add(key.key)
        self.key = key.secret
        self.environ = self._settings()
        gateway = self._service("gateway", "gateway --gateway-port {port}")
        self._gateway = gateway
        self.victims: list[Server] = [
            kafka, valkey, gateway,
            self._service("worker-a", "worker --web-port {port}"),
            self._service("worker-b", "worker --web-port {port}"),
            self._service("sink", "sink --sink-web-port {port}"),
        ]  # fmt: skip
        self.supervisor = Supervisor([kafka, valkey], self.victims[2:])
        self.supervisor.start()

    def address(self) -> str:
        """Where the gateway answers."""
        return self._gateway.address if self._gateway.ports else "http://127.0.0.1:9"

    def kill_one(self, rng: random.Random) -> str:
        """Kill -9 one of those that run; its name."""
        running = [server for server in self.victims if server.is_running()]
        victim = rng.choice(running)
        process = victim.process_id
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
        return victim.name

    def whole(self) -> bool:
        """Whether everything runs and is ready; the supervisor notices a kill a moment late."""
        return all(server.is_running() for server in self.victims) and self.supervisor.ready()

    def audit(self) -> "subprocess.CompletedProcess[str]":
        """`plaudit audit`, which waits until the line has caught up."""
        return subprocess.run(
            [sys.executable, "-m", "plaudit_infra.main", "audit", "--wait", "300"],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def _settings(self) -> dict[str, str]:
        return {
            "PLAUDIT_BOOTSTRAP_SERVERS": self.connection.bootstrap_servers,
            "PLAUDIT_REDIS_URL": self.connection.redis_url.get_secret_value(),
            "PLAUDIT_DATA": str(self.folder),
            "PLAUDIT_OUTPUT": str(self.output),
            "PLAUDIT_GATEWAY_KEYS": str(self.folder / "keys.json"),
            "PLAUDIT_WORKER_SESSION_S": "4",
            "PLAUDIT_WORKER_BATCH": "200",
            "PLAUDIT_SINK_SESSION_S": "4",
            "PLAUDIT_ROTATE_ROWS": "40",
            "PLAUDIT_ROTATE_MINUTES": "0.1",
        }

    def _service(self, name: str, arguments: str) -> PlauditService:
        environ: Mapping[str, str] = self.environ
        return PlauditService(self.folder, name, arguments.split(), environ)


def chaos(folder: Path, chats: list[Chat], *, seed: int, faults: int, report: Report) -> list[str]:
    """Send chats while processes are killed; what the checker and the audit find wrong, if anything."""
    rng = random.Random(seed)
    line = ChaosLine(folder)
    try:
        eventually(line.supervisor.ready, "the whole line is ready", _DEADLINE_S)
        sender = Sender(line.address, line.key, _DEADLINE_S)
        failures: list[BaseException] = []
        sending = threading.Thread(target=_send, args=(sender, chats, failures), daemon=True)
        sending.start()
        for number in range(faults):
            time.sleep(rng.uniform(0.5, 4.0))  # the moment is the test's input, not a wait for anything
            killed = line.kill_one(rng)
            report(f"fault {number + 1} of {faults}: kill -9 {killed}; {sender.accepted} events accepted")
        sending.join(_DEADLINE_S)
        if failures or sending.is_alive():
            return [f"sending failed: {failures}"]
        eventually(line.whole, "the line is ready again after the last fault", _DEADLINE_S)
        report(f"{sender.accepted} events accepted, {sender.retries} requests sent again, "
               f"{line.supervisor.restarts()} restarts; the audit:")  # fmt: skip
        audit = line.audit()
        report(audit.stdout.strip())
        found = (
            [] if audit.returncode == 0 else [f"the audit exits {audit.returncode}: {audit.stderr[-2000:]}"]
        )
        url = line.connection.redis_url.get_secret_value()
        return found + differences(chats, line.output, url, line.connection.redis_prefix)
    finally:
        line.supervisor.stop()


def _send(sender: Sender, chats: list[Chat], failures: list[BaseException]) -> None:
    try:
        sender.send(chats)
    except BaseException as error:  # told to the main thread
        failures.append(error)
