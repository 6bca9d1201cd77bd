"""Connections to Redis, Valkey or a cluster by URL, and Lua scripts that survive a server's restart."""

from collections.abc import Awaitable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, cast

from hiredis import pack_command
from redis import Redis as BlockingRedis
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ClusterError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from plaudit_schemas.errors import AccessError
from plaudit_schemas.service.redis_cluster import BlockingClusterClient, ClusterClient

RedisClient = Redis | RedisCluster
Argument = str | bytes | int | float

AWAY: Final = (RedisError, RedisClusterException, OSError)
"""The errors of a call that Redis refuses or does not answer. A cluster's error is not a RedisError."""


_SHUT_OUT: Final = (AuthenticationError, AuthorizationError, NoPermissionError)


def refuse_shut_out(error: Exception) -> None:
    """Tell an error that no waiting mends from one of a Redis that is away.

    Raises:
        AccessError: Redis refuses the password, the user or the command.
    """
    if isinstance(error, _SHUT_OUT) or isinstance(error.__cause__, _SHUT_OUT):
        raise AccessError(f"Redis does not let us in ({error}); check PLAUDIT_REDIS_URL") from None


def connect(url: str, *, timeout_s: float = 10.0) -> RedisClient:
    """An asyncio client, which connects on first use.

    Args:
        url: `redis://`, `rediss://` or `unix://`; `redis+cluster://` or `rediss+cluster://` for a cluster.
        timeout_s: for each connection attempt and each answer.
    """
    if is_cluster(url):
        return ClusterClient.from_url(_plain(url), socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # A primary became a replica: the name may stand for another server by now, so connect again.
        retry=Retry(NoBackoff(), 1, supported_errors=(ReadOnlyError,)),
    )
    pool.connection_class = _PACKING.get(pool.connection_class, pool.connection_class)
    return Redis.from_pool(pool)


def connect_blocking(url: str, *, timeout_s: float = 5.0) -> Any:
    """A blocking client. For a cluster it connects at once, and raises one of `AWAY` if that fails."""
    made = BlockingClusterClient if is_cluster(url) else BlockingRedis
    return made.from_url(_plain(url), socket_timeout=timeout_s, socket_connect_timeout=timeout_s)


def why_away(error: BaseException) -> str:
    """One of `AWAY` in words that may be shown: what Redis says of a password or access list, else the kind.

    Other texts name hosts and ports.
    """
    told = isinstance(error, AuthenticationError | NoPermissionError)
    return str(error) if told else type(error).__name__


def is_cluster(url: str) -> bool:
    """Whether a URL is that of a cluster."""
    return "+cluster" in url.partition(":")[0]


def _plain(url: str) -> str:
    return url.replace("+cluster", "", 1) if is_cluster(url) else url


class _PackInC:
    """Packs commands with hiredis. A commit has about ten thousand arguments.

    Packing them in Python took a tenth of the worker's time.
    """

    def pack_command(self, *arguments: Any) -> list[bytes]:
        # redis-py passes commands such as "SCRIPT LOAD" as one argument; on the wire they are two.
        return [pack_command((*str(arguments[0]).split(), *arguments[1:]))]


class _PackingConnection(_PackInC, Connection):
    pass


class _PackingSSLConnection(_PackInC, SSLConnection):
    pass


_PACKING: dict[type[Any], type[Any]] = {Connection: _PackingConnection, SSLConnection: _PackingSSLConnection}


class Script:
    """A Lua script in a package, called by its hash. The whole script is sent only if the server lacks it.

    Attributes:
        source: its text.
    """

    def __init__(
        self, package: str, name: str, *, shared: str | None = None, shared_package: str | None = None
    ) -> None:
        """Reads the script.

        Args:
            package: the package that holds the file.
            name: of the file, without `.lua`. Its first lines list the keys and arguments.
            shared: likewise, a file to put before it, with what several scripts need.
            shared_package: the package of that file, where it is another one.
        """
        places = (
            [(package, name)] if shared is None else [(shared_package or package, shared), (package, name)]
        )
        self.source = b"".join((files(home) / f"{each}.lua").read_bytes() for home, each in places)
        self._hash = sha1(self.source).hexdigest()  # noqa: S324  # Redis names scripts by it

    async def __call__(self, client: RedisClient, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script.

        Raises:
            redis.exceptions.RedisError: the server refused or did not answer. The script's writes may or
                may not have happened.
        """
        try:
            return await execute(client, "EVALSHA", self._hash, len(keys), *keys, *arguments)
        except NoScriptError:  # the server is new or was restarted; EVAL also loads the script
            return await execute(client, "EVAL", self.source, len(keys), *keys, *arguments)


async def execute(client: RedisClient, *command: Argument) -> Any:
    """Run one command.

    Raises:
        redis.exceptions.RedisError: the server refused or did not answer. The RedisClusterException of a
            cluster's client is converted to it.
    """
    try:
        return await cast("Awaitable[Any]", client.execute_command(*command))
    except ClusterDownError:
        raise
    except ClusterError as error:  # the nodes referred the client to each other until it gave up
        raise RedisConnectionError(
            f"Redis Cluster is moving a slot between its nodes ({error}); wait until it has moved, or end the"
            " move with `redis-cli --cluster fix`"
        ) from error
    except RedisClusterException as error:
        raise RedisConnectionError(str(error)) from error
