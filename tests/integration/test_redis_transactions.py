"""Transactions that run only while a key is as it was: what ends them, and what is left of them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from plaudit_schemas.service.redis import RedisClient, connect, connect_blocking, execute
from plaudit_schemas.service.redis_transaction import Command, transact
from redis.exceptions import ResponseError

pytestmark = pytest.mark.redis
Use = Callable[[RedisClient, str], Awaitable[None]]


def with_client(url: str, use: Use) -> None:
    async def run() -> None:
        client, name = connect(url), f"{{{uuid.uuid4().hex}}}"
        try:
            await execute(client, "SET", name, "1")
            await use(client, name)
            assert await execute(client, "INCR", name + "after") == 1, (
                "no connection is left in a transaction"
            )
        finally:
            await client.aclose()

    asyncio.run(run())


class _Meanwhile(Sequence[Command]):
    """Commands that are asked for after the look; something happens just then."""

    def __init__(self, commands: Sequence[Command], happens: Callable[[], object]) -> None:
        self._commands, self._happens = commands, happens

    def __iter__(self) -> Iterator[Command]:
        self._happens()
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    def __getitem__(self, index: Any) -> Any:
        return self._commands[index]


def writing(name: str) -> list[Command]:
    return [("SET", name + "a", "x"), ("INCR", name + "b")]


async def _written(client: RedisClient, name: str) -> list[Any]:
    return [await execute(client, "GET", name + each) for each in "ab"]


@pytest.mark.parametrize("redis", ["valkey", pytest.param("redis_cluster", marks=pytest.mark.slow)])
def test_all_run_while_nothing_changes(redis: str, request: pytest.FixtureRequest) -> None:
    async def use(client: RedisClient, name: str) -> None:
        answers = await transact(client, name, ("GET", name), b"1", writing(name))
        assert (answers, await _written(client, name)) == ([b"OK", 1], [b"x", b"1"])

    with_client(request.getfixturevalue(redis), use)


def test_none_runs_upon_something_else(valkey: str) -> None:
    async def use(client: RedisClient, name: str) -> None:
        assert await transact(client, name, ("GET", name), b"2", writing(name)) is None
        assert await _written(client, name) == [None, None]

    with_client(valkey, use)


@pytest.mark.parametrize("change", ["SET", "DEL", "FLUSHDB"])
def test_none_runs_after_a_change(valkey: str, change: str) -> None:
    url = valkey.removesuffix("/0") + "/9"  # a database that may be flushed

    async def use(client: RedisClient, name: str) -> None:
        def happens() -> None:
            with connect_blocking(url) as other:
                other.execute_command(
                    *{"SET": ("SET", name, "1"), "DEL": ("DEL", name)}.get(change, (change,))
                )

        commands = _Meanwhile(writing(name), happens)
        assert await transact(client, name, ("GET", name), b"1", commands) is None
        assert await _written(client, name) == [None, None]

    with_client(url, use)


def test_none_runs_where_one_is_not_taken(valkey: str) -> None:
    async def use(client: RedisClient, name: str) -> None:
        commands = [*writing(name), ("HSET", name + "c", "a field without a value")]
        assert await transact(client, name, ("GET", name), b"1", commands) is None
        assert await _written(client, name) == [None, None]

    with_client(valkey, use)


def test_a_command_that_fails_is_told(valkey: str) -> None:
    async def use(client: RedisClient, name: str) -> None:
        commands = [("HSET", name, "a", "b"), *writing(name)]
        answers = await transact(client, name, ("GET", name), b"1", commands)
        assert answers is not None
        assert isinstance(answers[0], ResponseError)
        assert answers[1:] == [b"OK", 1]

    with_client(valkey, use)


def test_a_user_who_may_not_watch_gets_none(valkey: str) -> None:
    with connect_blocking(valkey) as admin:
        admin.execute_command("ACL", "SETUSER", "plain", "on", ">word", "~*", "+@all", "-@transaction")
    url = valkey.replace("//", "//plain:word@")

    async def use(client: RedisClient, name: str) -> None:
        assert await transact(client, name, ("GET", name), b"1", writing(name)) is None
        assert await _written(client, name) == [None, None]

    with_client(url, use)


def test_one_that_is_given_up_leaves_no_connection_behind(valkey: str) -> None:
    async def use(client: RedisClient, name: str) -> None:
        commands: list[Command] = [("EVAL", "for i = 1, 3e6 do end return 1", 0)] * 20
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(transact(client, name, ("GET", name), b"1", commands), 0.05)

    with_client(valkey, use)
