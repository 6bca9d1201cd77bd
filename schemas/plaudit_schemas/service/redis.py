"""Redis or Valkey by URL, a cluster too, and Lua scripts that survive a server's restart."""

from collections.abc import Awaitable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, cast

from hiredis import pack_command
from redis import Redis as BlockingRedis
from redis import RedisCluster as BlockingRedisCluster
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

RedisClient = Redis | RedisCluster
Argument = str | bytes | int | float

AWAY: Final = (RedisError, RedisClusterException, OSError)
"""What a call raises where Redis refuses or does not answer; a cluster's error is of no family."""


def connect(url: str, *, timeout_s: float = 10.0) -> RedisClient:
    """An asyncio client that connects late; `redis+cluster://` and `rediss+cluster://` name a cluster."""
    if is_cluster(url):
        return RedisCluster.from_url(_plain(url), socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    pool = ConnectionPool.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    pool.connection_class = _PACKING.get(pool.connection_class, pool.connection_class)
    return Redis.from_pool(pool)


def connect_blocking(url: str, *, timeout_s: float = 5.0) -> Any:
    """A client that blocks. A cluster's connects at once, and raises one of `AWAY`."""
    made = BlockingRedisCluster if is_cluster(url) else BlockingRedis
    return made.from_url(_plain(url), socket_timeout=timeout_s, socket_connect_timeout=timeout_s)


def is_cluster(url: str) -> bool:
    """Whether a URL names a cluster."""
    return "+cluster" in url.partition(":")[0]


def _plain(url: str) -> str:
    return url.replace("+cluster", "", 1) if is_cluster(url) else url


class _PackInC:
    """A commit has some ten thousand arguments; packing them in Python was a tenth of the worker's time."""

    def pack_command(self, *arguments: Any) -> list[bytes]:
        # A command of two words is two arguments on the wire.
        return [pack_command((*str(arguments[0]).split(), *arguments[1:]))]


class _PackingConnection(_PackInC, Connection):
    pass


class _PackingSSLConnection(_PackInC, SSLConnection):
    pass


_PACKING: dict[type[Any], type[Any]] = {Connection: _PackingConnection, SSLConnection: _PackingSSLConnection}


class Script:
    """A Lua file of a package. It is sent by its hash, and whole where the server does not have it."""

    def __init__(self, package: str, name: str) -> None:
        """`name` is the file's, without `.lua`; its head is a table of keys and arguments."""
        self._source = (files(package) / f"{name}.lua").read_bytes()
        self._hash = sha1(self._source).hexdigest()  # noqa: S324  # Redis names scripts by it

    async def __call__(self, client: RedisClient, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it.

        Raises:
            redis.exceptions.RedisError: the server refused or did not answer. What the script writes may
                or may not have been written then.
        """
        try:
            return await execute(client, "EVALSHA", self._hash, len(keys), *keys, *arguments)
        except NoScriptError:
            return await execute(client, "EVAL", self._source, len(keys), *keys, *arguments)


async def execute(client: RedisClient, *command: Argument) -> Any:
    """One command as it stands.

    Raises:
        redis.exceptions.RedisError: the server refused or did not answer. A cluster's client has an
            exception of another family for that, which is turned into this one.
    """
    try:
        return await cast("Awaitable[Any]", client.execute_command(*command))
    except RedisClusterException as error:
        raise RedisConnectionError(str(error)) from error
