"""A large request is slowed down to the rate of its key, without a server."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from plaudit_producers.gateway.http import pacing
from plaudit_producers.gateway.http.pacing import RequestPace
from plaudit_producers.gateway.http.problems import Problem

Use = Callable[[RequestPace], Coroutine[Any, Any, None]]


def charged(monkeypatch: pytest.MonkeyPatch, refusals: list[Problem | None], use: Use) -> list[int]:
    """What is charged, where each charge is refused as listed, or not."""
    counts: list[int] = []
    answers = iter(refusals)

    async def admit(_request: Any, _principal: Any, count: int) -> None:
        refusal = next(answers, None)
        if refusal is not None:
            raise refusal
        counts.append(count)

    async def run() -> None:
        await use(RequestPace(cast(Any, None), cast(Any, None)))

    monkeypatch.setattr(pacing, "admit_events", admit)
    asyncio.run(run())
    return counts


def over(wait_s: float) -> Problem:
    return Problem(429, "over the rate limit", retry_after_s=wait_s)


def test_many_events_are_charged_bit_by_bit_and_wait_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert charged(monkeypatch, [None, over(0.01)], lambda pace: pace.admit(1200)) == [500, 500, 200]


def test_what_is_sent_all_or_none_is_charged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(pace: RequestPace) -> None:
        await pace.admit(1)
        await pace.admit_whole(1200)

    assert charged(monkeypatch, [None, over(0.01)], use) == [1, 1200]


@pytest.mark.parametrize(
    "refusals",
    [[over(0.01)], [None, over(60)], [None, Problem(503, "away", retry_after_s=0.01)]],
    ids=["from the start", "for too long", "for another reason"],
)
def test_a_request_is_refused(monkeypatch: pytest.MonkeyPatch, refusals: list[Problem | None]) -> None:
    with pytest.raises(Problem) as refused:
        charged(monkeypatch, refusals, lambda pace: pace.admit(1200))
    assert refused.value is refusals[-1]
