"""A Redis or Valkey client by URL, a cluster's too, and scripts that survive a server's restart."""

from collections.abc import Awaitable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

from hiredis import pack_command
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisClusterException

Client = Redis | RedisCluster
Argument = str | bytes | int


def connect(url: str, *, timeout_s: float = 10.0) -> Client:
    """A client; it connects on first use. `redis+cluster://` and `rediss+cluster://` speak to a cluster."""
    if url.startswith(("redis+cluster://", "rediss+cluster://")):
        return RedisCluster.from_url(url.replace("+cluster", "", 1), socket_timeout=timeout_s)
    pool = ConnectionPool.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    pool.connection_class = _PACKING.get(pool.connection_class, pool.connection_class)
    return Redis.from_pool(pool)


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
    """A Lua file of this package. Sent by its hash, and whole where the server has it not."""

    def __init__(self, name: str) -> None:
        self._source = (files("plaudit_stream_processors.state") / f"{name}.lua").read_bytes()
        self._hash = sha1(self._source).hexdigest()  # noqa: S324  # Redis names scripts by it

    async def __call__(self, client: Client, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it.

        Raises:
            redis.exceptions.RedisError: the server refused or did not answer; a commit may or may
                not have happened then, and can be sent again as it is.
        """
        try:
            return await execute(client, "EVALSHA", self._hash, len(keys), *keys, *arguments)
        except NoScriptError:
            return await execute(client, "EVAL", self._source, len(keys), *keys, *arguments)


async def execute(client: Client, *command: Argument) -> Any:
    """One command as it stands.

    Raises:
        redis.exceptions.RedisError: the server refused or did not answer; a cluster's too, whose client has
            an exception of another family for it.
    """
    try:
        return await cast("Awaitable[Any]", client.execute_command(*command))
    except RedisClusterException as error:
        raise RedisConnectionError(str(error)) from error
