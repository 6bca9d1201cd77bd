"""Tasks that are cancelled end, whatever they were doing."""

import asyncio

import pytest
from plaudit_schemas.service import cancelling
from plaudit_schemas.service.cancelling import cancel_and_wait
from plaudit_schemas.service.redis import connect

_LIMIT_S = 60


def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "_AGAIN_S", 0.05)
    lost = []

    async def lose_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append("one")
        await asyncio.Event().wait()

    async def run() -> bool:
        task = asyncio.create_task(lose_one())
        await asyncio.sleep(0)
        async with asyncio.timeout(_LIMIT_S):
            await cancel_and_wait(task)
        return task.cancelled()

    assert asyncio.run(run())
    assert lost == ["one"]


def test_what_a_task_does_after_its_cancellation_is_waited_for() -> None:
    done = []

    async def close_slowly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            done.append("closed")

    async def run() -> None:
        task = asyncio.create_task(close_slowly())
        await asyncio.sleep(0)
        await cancel_and_wait(task)

    asyncio.run(run())
    assert done == ["closed"]


def test_tasks_that_have_ended_are_left_alone() -> None:
    async def fail() -> None:
        raise ValueError

    async def run() -> BaseException | None:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        await cancel_and_wait(task)
        await cancel_and_wait()
        return task.exception()

    assert isinstance(asyncio.run(run()), ValueError)


@pytest.mark.slow
@pytest.mark.redis
def test_whoever_asks_redis_again_and_again_ends(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "_AGAIN_S", 0.01)

    async def run() -> None:
        async with connect(valkey) as client:

            async def ask() -> None:
                while True:
                    await client.ping()

            for turns in range(60):  # of the loop: one after the other, the cancellation meets every step
                task = asyncio.create_task(ask())
                for _ in range(turns):
                    await asyncio.sleep(0)
                async with asyncio.timeout(_LIMIT_S):
                    await cancel_and_wait(task)

    asyncio.run(run())
