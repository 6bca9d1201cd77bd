"""Transactions of many commands, which run only while a key is as it was when somebody looked at it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hiredis import pack_command
from redis.asyncio.cluster import RedisCluster

from plaudit_schemas.service.redis import AWAY, Argument, RedisClient

Command = tuple[Argument, ...]


async def transact(
    client: RedisClient, watched: str, look: Command, expected: object, commands: Sequence[Command]
) -> list[Any] | None:
    """Run commands as one, unless `look` answers something else or `watched` has changed since.

    It needs two round trips. It is no pipeline of redis-py's, which takes some microseconds for each answer.

    Args:
        watched: a key. In a cluster, all keys lie in its slot.

    Returns:
        The answers; that of a command that failed is a ResponseError. None where the commands have not run,
        or where that is unknown: the caller then needs a way that tells. They may even be under way still;
        once `watched` has changed they never run.
    """
    try:
        async with _borrowed(client, watched) as connection:
            return await _run(connection, watched, look, expected, commands)
    except AWAY:
        return None


async def _run(
    connection: Any, watched: str, look: Command, expected: object, commands: Sequence[Command]
) -> list[Any] | None:
    await connection.send_packed_command([_packed("WATCH", watched), _packed(*look)])
    await connection.read_response()
    if await connection.read_response() != expected:
        await connection.send_packed_command([_packed("UNWATCH")])
        await connection.read_response()
        return None
    packed = [_packed(*command) for command in (("MULTI",), *commands, ("EXEC",))]
    await connection.send_packed_command(packed)
    read = connection._parser.read_response  # noqa: SLF001  # the public way starts a timer for each answer
    async with asyncio.timeout(connection.socket_timeout):
        for _ in packed[1:]:  # what is refused here comes as a value, and refuses EXEC as well
            await read()
    answers: list[Any] | None = await connection.read_response()
    return answers


def _packed(*command: Argument) -> bytes:
    arguments: Any = command  # hiredis says that it takes tuples of one
    packed: bytes = pack_command(arguments)
    return packed


@asynccontextmanager
async def _borrowed(client: RedisClient, key: str) -> AsyncIterator[Any]:
    """A connection to the node of a key. After any error it is closed: it may be within a transaction."""
    if isinstance(client, RedisCluster):
        await client.initialize()
        node: Any = client.get_node_from_key(key)
        connection: Any = node.acquire_connection()
    else:
        node, connection = None, await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py's
    try:
        yield connection
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    finally:
        if node is not None:
            node.release(connection)
        else:
            await client.connection_pool.release(connection)  # type: ignore[union-attr]  # no cluster here
