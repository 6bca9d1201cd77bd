"""Moves a slot of a Redis Cluster from node to node, key by key, as a resharding does."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from plaudit_infra.servers.valkey import ValkeyServer
from redis.crc import key_slot

_ALL = 1_000_000

Content = dict[bytes, tuple[int, Any]]
"""Key -> its time to live in hours, because tests take seconds, and its value."""


class MovingSlot:
    """The slot of a key. Between `begin` and `finish` it is on its way to another node, here and there."""

    def __init__(self, servers: Sequence[Any], key: str) -> None:
        self._nodes = servers
        self.slot = key_slot(key.encode())
        self._source = self._target = self._owner()

    def begin(self, to: int | None = None) -> None:
        """Begin to move it: to the node of this number, or else to the next one."""
        self._source = self._owner()
        number = (self._nodes.index(self._source) + 1) % len(self._nodes) if to is None else to
        self._target = self._nodes[number]
        self._target.execute_command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", _id_of(self._source))
        self._source.execute_command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", _id_of(self._target))

    def left(self) -> list[bytes]:
        """The keys that are still at the source."""
        found: list[bytes] = self._source.execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, _ALL)
        return found

    def step(self, count: int, *, first: bytes = b"$", replace: bool = False) -> int:
        """Move keys, beginning with those that the pattern `first` finds. Returns how many were moved."""
        keys = sorted(self.left(), key=lambda key: (re.search(first, key) is None, key))[:count]
        if keys:
            how = ["REPLACE"] if replace else []
            self._source.execute_command(
                "MIGRATE", "127.0.0.1", _port_of(self._target), "", 0, 20_000, *how, "KEYS", *keys
            )
        return len(keys)

    def finish(self, *, replace: bool = False) -> None:
        """Move what is left, and give the slot to the target."""
        while self.step(100, replace=replace):
            pass
        for node in (self._target, self._source, *self._nodes):
            node.execute_command("CLUSTER", "SETSLOT", self.slot, "NODE", _id_of(self._target))

    def content(self) -> Content:
        """Everything in the slot, wherever it is. A key at two nodes is an error."""
        found: Content = {}
        for node in self._nodes:
            for key in node.execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, _ALL):
                assert key not in found, f"{key!r} is at two nodes"
                hours = round(_asked(node, "TTL", key) / 3600)
                kind = _asked(node, "TYPE", key)
                read = ("HGETALL", key) if kind == b"hash" else ("ZRANGE", key, 0, -1, "WITHSCORES")
                found[key] = hours, _asked(node, *read)
        return found

    def clear(self) -> None:
        """Take all keys of the slot away."""
        for node in self._nodes:
            for key in node.execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, _ALL):
                _asked(node, "DEL", key)

    def _owner(self) -> Any:
        for first, last, (_, port, *_), *_ in self._nodes[0].execute_command("CLUSTER", "SLOTS"):
            if first <= self.slot <= last:
                return next(node for node in self._nodes if _port_of(node) == port)
        raise AssertionError(f"no node has slot {self.slot}")


@contextmanager
def moving_slot(servers: Sequence[ValkeyServer], key: str) -> Iterator[MovingSlot]:
    """The slot of a key in the cluster of these servers."""
    with ExitStack() as stack:
        yield MovingSlot([stack.enter_context(server.client(30)) for server in servers], key)


def _asked(node: Any, *command: Any) -> Any:
    with node.pipeline(transaction=False) as pipeline:  # both on one connection
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*command)
        return pipeline.execute()[1]


def _port_of(node: Any) -> int:
    return int(node.connection_pool.connection_kwargs["port"])


def _id_of(node: Any) -> str:
    name: bytes | str = node.execute_command("CLUSTER", "MYID")
    return name.decode() if isinstance(name, bytes) else name
