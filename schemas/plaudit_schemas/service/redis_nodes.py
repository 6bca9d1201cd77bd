"""What every node of Redis says of itself: whether it may evict keys, has done so, and takes writes.

An evicted key is a lost conversation, and nobody hears of it. So the policy must be `noeviction` on each node
that holds keys or may hold them after a failover.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from plaudit_schemas.service.redis import AWAY, RedisClient, connect

SAFE_POLICY: Final = "noeviction"

Ask = Callable[..., Awaitable[Any]]
"""Runs one command on one node."""


class RedisNode(NamedTuple):
    """One server, as it described itself.

    Attributes:
        address: host:port.
        run_id: changes with each start of the server; empty if unknown.
        policy: its maxmemory-policy; None if it tells nobody.
        evicted: keys evicted since its start; None if unknown.
        read_only: it is a replica, where a primary is needed.
    """

    address: str
    run_id: str = ""
    policy: str | None = None
    evicted: int | None = None
    read_only: bool = False

    @property
    def evicts(self) -> bool:
        """Whether it may evict keys."""
        return self.policy not in (None, SAFE_POLICY)

    @property
    def problem(self) -> str | None:
        """Why no state may be kept there; None if it may."""
        if self.evicts:
            return (
                f"Redis at {self.address} may evict what is kept there (maxmemory-policy {self.policy}); set "
                f"maxmemory-policy {SAFE_POLICY} on every node and replica"
            )
        if self.read_only:
            return f"Redis at {self.address} is a replica; set PLAUDIT_REDIS_URL to its primary"
        return None


async def redis_nodes(url: str, *, timeout_s: float = 5.0) -> list[RedisNode]:
    """Ask every node: all of a cluster, or the server of the URL and its replicas.

    Connects anew, so that it also sees what has joined since the last time. A replica that does not answer
    here is listed without what it did not tell.

    Raises:
        AWAY: one of these errors, if the cluster or the URL's server does not answer.
    """
    async with _client(url, timeout_s) as client:
        if isinstance(client, RedisCluster):
            await client.initialize()
            asked = [_described(node.name, node.execute_command) for node in client.get_nodes()]
            return list(await asyncio.gather(*asked))
        info = await _info(client.execute_command)
        address = _address_of(url)
        first = await _node(address, client.execute_command, info, read_only=info.get("role") == "slave")
    asked = [_replica(url, host, port, timeout_s) for host, port in _replicas_in(info)]
    return [first, *await asyncio.gather(*asked)]


def _replicas_in(info: dict[str, Any]) -> list[tuple[str, int]]:
    """Host and port of the replicas that INFO lists as slave0, slave1 ..."""
    listed = [each for name, each in sorted(info.items()) if re.fullmatch(r"slave\d+", name)]
    return [(str(each["ip"]), int(each["port"])) for each in listed if isinstance(each, dict)]


async def _replica(url: str, host: str, port: int, timeout_s: float) -> RedisNode:
    if urlsplit(url).scheme == "unix":  # a socket's URL does not tell how to reach another host
        return RedisNode(f"{host}:{port}")
    async with _client(_at(url, host, port), timeout_s) as client:
        return await _described(f"{host}:{port}", client.execute_command)


async def _described(address: str, ask: Ask) -> RedisNode:
    try:
        return await _node(address, ask, await _info(ask))
    except AWAY:
        return RedisNode(address)


async def _node(address: str, ask: Ask, info: dict[str, Any], *, read_only: bool = False) -> RedisNode:
    policy = info.get("maxmemory_policy") or await _configured_policy(ask)
    evicted = info.get("evicted_keys")
    return RedisNode(
        address,
        str(info.get("run_id") or ""),
        None if policy is None else str(policy),
        None if evicted is None else int(evicted),
        read_only,
    )


async def _info(ask: Ask) -> dict[str, Any]:
    try:
        answer = await ask("INFO")
    except ResponseError:  # an access list may forbid it
        return {}
    return answer if isinstance(answer, dict) else {}


async def _configured_policy(ask: Ask) -> str | None:
    """The policy as CONFIG tells it, for a server whose INFO does not. Most services forbid CONFIG."""
    try:
        answer: dict[str, str] = await ask("CONFIG GET", "maxmemory-policy")
    except ResponseError:
        return None
    return answer.get("maxmemory-policy")


@contextlib.asynccontextmanager
async def _client(url: str, timeout_s: float) -> AsyncIterator[RedisClient]:
    client = connect(url, timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.aclose()


def _address_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def _at(url: str, host: str, port: int) -> str:
    """The same URL, with the same password, for another server."""
    parts = urlsplit(url)
    user, found, _ = parts.netloc.rpartition("@")
    host = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{user}{found}{host}:{port}"))
