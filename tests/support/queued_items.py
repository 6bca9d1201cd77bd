"""Items, verdicts and queues in Redis for tests of the queue of reviews."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from plaudit_schemas.review.changes import LoggedVerdict, NewItem, QueueChanges, QueueRules, Reason
from plaudit_schemas.review.claims import ClaimRules
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.targets import QueueName, ReviewTarget, item_id
from plaudit_schemas.service.redis import connect

CLAIM = ClaimRules(lease_ms=60_000)
PAIR = QueueRules(overlap=2)
Use = Callable[[ReviewQueue], Awaitable[None]]


class HandClock:
    """Stands in for Redis' clock. Only the test moves it."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def new_item(number: int, *reasons: Reason, conversation: str | None = None) -> NewItem:
    """The item of this number. Smaller numbers come first."""
    target = ReviewTarget("answer", conversation or f"c{number}", f"m{number}")
    return NewItem(
        item_id("shop", "good", target), target, reasons or ("random",), number, b"context %d" % number
    )


def verdict(
    item: NewItem, reviewer: str, offset: int, *, answers: dict[str, Any] | None = None
) -> LoggedVerdict:
    """A verdict in the log: a thumb up, if nothing else is given."""
    said = {"good": True} if answers is None else answers
    return LoggedVerdict(item.id, reviewer, said, offset, 500 + offset)


def with_queue(url: str, use: Use, clock: HandClock | None = None) -> None:
    """Use a queue of its own on this server. Without a clock it is Redis'."""

    async def run() -> None:
        client = connect(url)
        queue = ReviewQueue(client, uuid.uuid4().hex, QueueName("shop", "good", "1"), now_ms=clock)
        try:
            await use(queue)
        finally:
            await queue.drop()
            await client.aclose()

    asyncio.run(run())


async def filled(queue: ReviewQueue, items: Sequence[NewItem], rules: QueueRules = PAIR) -> None:
    """A ready queue with these items, at offset 100 of partition 0."""
    await queue.expect({})
    await queue.apply(0, 0, 100, QueueChanges(items=items), rules)
