"""Clients of a Redis Cluster whose slots may be moving between nodes.

While a slot moves key by key, its node refers a client to the other node for keys that have moved: ASK. The
client must send ASKING before the command, on the same connection. redis-py's asyncio client takes any free
connection for each of the two, and neither of its clients finds a node that has no slot yet.
"""

from collections import deque
from typing import Any

from redis import RedisCluster as BlockingRedisCluster
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.cluster import ClusterNode as BlockingClusterNode


class ClusterClient(RedisCluster):
    """An asyncio client that follows ASK."""

    def get_node(
        self, host: str | None = None, port: int | None = None, node_name: str | None = None
    ) -> ClusterNode | None:
        """The node of this address. A named one is where an ASK refers to, and is added if it is unknown."""
        node = super().get_node(host, port, node_name)
        if node_name is None:
            return node
        if node is None:
            node = ClusterNode(*_address(node_name), "primary", **self.nodes_manager.connection_kwargs)
            self.nodes_manager.set_nodes(self.nodes_manager.nodes_cache, {node.name: node})
        if not isinstance(node._free, _LastFirst):  # noqa: SLF001  # redis-py offers no other way
            node._free = _LastFirst(node._free, node.max_connections)  # noqa: SLF001  # as above
        return node

    async def aclose(self) -> None:
        """Close all connections."""
        # redis-py leaves some open if it was just about to read the slots anew.
        self._initialize = False
        await super().aclose()

    async def _determine_slot(self, command: str, *args: Any) -> int:
        # A script's keys share one slot, and the server refuses others. A commit has thousands of keys.
        if command in ("EVAL", "EVALSHA"):
            return self.keyslot(args[2])
        return await super()._determine_slot(command, *args)


class BlockingClusterClient(BlockingRedisCluster):
    """A blocking client that follows ASK."""

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """As `ClusterClient.get_node`."""
        node: Any = super().get_node(host, port, node_name)  # type: ignore[no-untyped-call]  # redis-py's
        if node is None and node_name is not None:
            node = BlockingClusterNode(*_address(node_name), "primary")  # type: ignore[no-untyped-call]  # as above
            self.nodes_manager.nodes_cache[node_name] = node
        return node


class _LastFirst(deque[Any]):
    """Free connections. The one that came back last is taken first, so it serves ASKING and the command."""

    def append(self, connection: Any) -> None:
        self.appendleft(connection)


def _address(node_name: str) -> tuple[str, int]:
    host, _, port = node_name.rpartition(":")
    return host, int(port)
