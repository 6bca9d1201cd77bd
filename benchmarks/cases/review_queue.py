"""The next item for a reviewer, inside Redis: 100,000 open items, of which the reviewer has answered half."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.review.changes import LoggedVerdict, NewItem, QueueChanges, QueueRules
from plaudit_schemas.review.claims import ClaimRules
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.targets import QueueName, ReviewTarget, item_id
from plaudit_schemas.service.redis import connect, execute

from benchmarks.report import Row, row

OPEN, TOUCHED, BATCH, TURNS = 100_000, 50_000, 500, 300
RULES, CLAIM = QueueRules(overlap=3), ClaimRules(lease_ms=1_800_000)


def run(repetitions: int) -> list[Row]:
    """Milliseconds of each script call; the figures are over the calls of one run."""
    del repetitions  # each turn is a call of its own
    return asyncio.run(_run())


async def _run() -> list[Row]:
    async with _server() as client:
        queue = ReviewQueue(client, "", QueueName("bench", "quality", "1"))
        await _fill(queue)
        first = await _measured(client, _turns(queue, 1))
        later = await _measured(client, _turns(queue, TURNS))
    return [
        row("a look at what was answered, the first time", "ms", first["pick"]),
        row("next: choose", "ms", later["pick"]),
        row("next: claim", "ms", later["claim"]),
        row("submit", "ms", later["submit"]),
    ]


async def _fill(queue: ReviewQueue) -> None:
    await queue.expect({})
    for first in range(0, OPEN, BATCH):
        items = [_item(number) for number in range(first, first + BATCH)]
        verdicts = [
            LoggedVerdict(item.id, "ann", {"good": True}, first + at, 1 + first + at)
            for at, item in enumerate(items)
            if first < TOUCHED
        ]
        await queue.apply(0, first, first + BATCH, QueueChanges(items, verdicts), RULES)


def _item(number: int) -> NewItem:
    target = ReviewTarget("answer", f"conversation {number}", "2")
    return NewItem(item_id("bench", "quality", target), target, ("random",), number, b"x" * 500)


async def _turns(queue: ReviewQueue, turns: int) -> None:
    for turn in range(turns):
        claimed = await queue.next_item("ann", CLAIM)
        assert claimed is not None
        await queue.submit(claimed.id, "ann", f"submission {turn}", {"good": True})


async def _measured(client: Any, work: Any) -> dict[str, list[float]]:
    """Script -> how long each of its calls kept Redis, in ms."""
    await execute(client, "SLOWLOG", "RESET")
    await work
    found = defaultdict(list)
    for entry in await execute(client, "SLOWLOG", "GET", -1):
        _, _, microseconds, command, *_ = entry
        script = _script(command)
        if script is not None:
            found[script].append(microseconds / 1000)
    return found


def _script(command: list[bytes]) -> str | None:
    """The script of a logged call: told by the number of keys."""
    if command[0].upper() != b"EVALSHA":
        return None
    return {b"13": "pick", b"15": "claim", b"14": "submit"}.get(command[2])


@asynccontextmanager
async def _server() -> AsyncIterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(
            Path(folder), options={"slowlog-log-slower-than": "0", "slowlog-max-len": "100000"}
        )
        server.start()
        client = connect(server.address, timeout_s=60)
        try:
            yield client
        finally:
            await client.aclose()
            server.stop()
