"""A visitor's actions begin in the order in which their requests came."""

import asyncio
import gc
from typing import Any

import pytest
from plaudit_producers.chat.page import arrival_order
from plaudit_producers.chat.page.arrival_order import ArrivalOrder, turn


def _noted(order: ArrivalOrder, *visitors: str) -> list[dict[str, Any]]:
    scopes: list[dict[str, Any]] = [{} for _ in visitors]
    for scope, visitor in zip(scopes, visitors, strict=True):
        order.note(scope, visitor)
    return scopes


def test_actions_that_start_in_any_order_begin_in_that_of_their_requests() -> None:
    begun: list[int] = []

    async def act() -> None:
        scopes = _noted(ArrivalOrder(), *["ana"] * 6)

        async def handle(number: int) -> None:
            await turn(scopes[number])
            begun.append(number)

        await asyncio.gather(*map(handle, (5, 0, 3, 2, 4, 1)))

    asyncio.run(act())
    assert begun == list(range(6))


def test_nobody_waits_for_another_visitor() -> None:
    async def act() -> None:
        first, second = _noted(ArrivalOrder(), "ana", "bo")
        await asyncio.wait_for(turn(second), 60)
        await turn(first)
        await turn({})  # a request that was not noted

    asyncio.run(act())


def test_an_action_that_never_begins_holds_the_next_one_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_order, "_STALLED_S", 0.01)

    async def act() -> None:
        order = ArrivalOrder()
        never, late, last = _noted(order, "ana", "ana", "ana")
        await turn(late)
        await turn(last)
        await turn(never)  # it began after all

    asyncio.run(act())


def test_who_stands_far_behind_waits_as_long_as_others_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act() -> None:
        scopes = _noted(ArrivalOrder(), *["ana"] * 8)
        before_it = iter(scopes[:-1])

        async def time_passes(*_: Any, **__: Any) -> None:
            await turn(next(before_it))

        monkeypatch.setattr(asyncio, "wait", time_passes)
        await turn(scopes[-1])
        assert list(before_it) == []

    asyncio.run(act())


def test_an_action_whose_request_is_gone_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_order, "_STALLED_S", 3600)

    async def act() -> None:
        order = ArrivalOrder()
        _noted(order, "ana")
        gc.collect()
        [scope] = _noted(order, "ana")
        await asyncio.wait_for(turn(scope), 60)

    asyncio.run(act())
