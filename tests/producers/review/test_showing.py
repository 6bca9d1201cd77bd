"""Which items are gone, and which may yet come."""

import asyncio
from typing import Any

import pytest
from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.review.queues import OpenQueue
from plaudit_producers.review.showing import found_item


class WithoutItems:
    """A queue that has no item."""

    def __init__(self, *, ready: bool) -> None:
        self.ready = ready

    async def find(self, _item: str) -> None:
        return None

    async def stage(self) -> str:
        return "ready" if self.ready else "building"


@pytest.mark.parametrize(
    ("ready", "active", "code"),
    [
        (True, True, "no_item"),
        (True, False, "no_item"),
        (False, True, "rebuilding"),
        (False, False, "replaced"),
    ],
    ids=["it was erased", "it was erased of an old version", "being built", "an old version is never built"],
)
def test_why_there_is_no_item(ready: bool, active: bool, code: str) -> None:
    nothing: Any = None
    queue: Any = WithoutItems(ready=ready)
    with pytest.raises(ReviewRefusal) as refused:
        asyncio.run(found_item(OpenQueue(nothing, nothing, queue, active), "item-1"))
    assert refused.value.code == code
