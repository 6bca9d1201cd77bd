"""The whole line as supervised processes, and a seeded script that kills them."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from plaudit_infra.demo.services import PlauditService
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.process import log_tail
from plaudit_infra.servers.server import Server
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_stores import key_store_of
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics.admin import ensure

from harness.waiting import eventually
from tests.chaos.chats import Chat
from tests.chaos.checker import differences
from tests.chaos.faults import Durations, Fault
from tests.chaos.sender import Sender

PARTITIONS = 4
_DEADLINE_S = 600.0
Report = Callable[[str], None]


class ChaosLine:
    """Kafka, Valkey, two workers, a sink and a gateway in a folder, all of them restarted when they end."""

    def __init__(self, folder: Path, durations: Durations) -> None:
        self.folder, self.output, self.durations = folder, folder / "rows", durations
        kafka, valkey = KafkaServer(folder / "kafka", heap_mb=384), ValkeyServer(folder / "valkey")
        self.valkey = valkey
        kafka.start()
        valkey.start()
        self.connection = ConnectionSettings(
            bootstrap_servers=kafka.address, redis_url=SecretUrl(valkey.address), partitions=PARTITIONS
        )
        ensure(self.connection)
        key = make_key("chaos", frozenset(("producer",)), name="chaos", rate=1e6)
        store = key_store_of(GatewaySettings(gateway_keys="kafka"), self.connection)
        store.add(key.key)
        store.close()
        self.key = key.secret
        self.environ = self._settings()
        gateway = self.service("gateway", "gateway --gateway-port {port}")
        self._gateway = gateway
        self.victims: list[Server] = [
            kafka, valkey, gateway,
            self.service("worker-a", "worker --web-port {port}"),
            self.service("worker-b", "worker --web-port {port}"),
            self.service("sink", "sink --sink-web-port {port}"),
        ]  # fmt: skip
        self.supervisor = Supervisor([kafka, valkey], self.victims[2:])
        self.supervisor.start()

    def address(self) -> str:
        """Where the gateway answers."""
        return self._gateway.address if self._gateway.ports else "http://127.0.0.1:9"

    def whole(self) -> bool:
        """Whether everything runs and is ready; the supervisor notices a kill a moment late."""
        return all(server.is_running() for server in self.victims) and self.supervisor.ready()

    def wait_whole(self) -> None:
        """Wait until everything is ready again. A failure says what is not, and what its log says."""
        try:
            eventually(self.whole, "the line is ready again after the last fault", _DEADLINE_S)
        except AssertionError as error:
            raise AssertionError("\n".join((str(error), *self.state()))) from error

    def state(self) -> list[str]:
        """What runs, what was noted, and the logs' ends of what is not ready and of the gateway."""
        logs = [
            f"{server.log.name}: {log_tail(server.log)}"
            for server in self.victims
            if server is self._gateway or not self.supervisor.is_ready(server.name)
        ]
        return [str(each) for each in (*self.supervisor.lines(), *self.supervisor.notes(), *logs)]

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
            "PLAUDIT_GATEWAY_KEYS": "kafka",
            "PLAUDIT_ALLOW_ONE_REPLICA": "true",
            "PLAUDIT_WORKER_SESSION_S": "4",
            "PLAUDIT_WORKER_BATCH": "200",
            "PLAUDIT_SINK_SESSION_S": "4",
            "PLAUDIT_ROTATE_ROWS": "40",
            "PLAUDIT_ROTATE_MINUTES": "0.1",
        }

    def service(self, name: str, arguments: str) -> PlauditService:
        """A process of the line that is not yet started."""
        environ: Mapping[str, str] = self.environ
        return PlauditService(self.folder, name, arguments.split(), environ)


def chaos(
    folder: Path,
    chats: list[Chat],
    faults: Sequence[Fault],
    rng: random.Random,
    report: Report,
    durations: Durations,
) -> list[str]:
    """Send chats while faults happen; what the checker and the audit find wrong, if anything."""
    line = ChaosLine(folder, durations)
    try:
        eventually(line.supervisor.ready, "the whole line is ready", _DEADLINE_S)
        sender = Sender(line.address, line.key, _DEADLINE_S * 3)
        failures: list[BaseException] = []
        sending = threading.Thread(target=_send, args=(sender, chats, failures), daemon=True)
        sending.start()
        for number, fault in enumerate(faults):
            sender.allow(len(chats) // len(faults))
            time.sleep(rng.uniform(0.5, 4.0))  # the moment is the test's input, not a wait for anything
            done = fault.strike(line, rng)
            report(f"fault {number + 1} of {len(faults)}: {done}; {sender.accepted} events accepted")
        sender.allow(len(chats))
        sending.join(_DEADLINE_S)
        if failures or sending.is_alive():
            why = failures[0] if failures else f"it did not end within {_DEADLINE_S:g} s"
            return [f"sending failed: {why!r}", *line.state()]
        line.wait_whole()
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
