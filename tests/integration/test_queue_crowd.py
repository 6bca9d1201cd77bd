"""Many reviewers at once, with crashes: each item gets N verdicts by N people, and none twice."""

import asyncio
import random
from collections import Counter, defaultdict

import pytest
from plaudit_schemas.review.changes import (
    LoggedDecline,
    LoggedVerdict,
    NewItem,
    QueueChanges,
    QueueRules,
)
from plaudit_schemas.review.claims import ClaimedItem, ClaimRules
from plaudit_schemas.review.queue import ReviewQueue

from tests.support.queued_items import HandClock, new_item, with_queue

pytestmark = pytest.mark.redis
N = 3
PARTITIONS = 2
CLAIM = ClaimRules(lease_ms=120_000, control_share=0.1)
STEP_MS = 500  # that pass with each round of the agent: marks and leases outlast many of them
Change = NewItem | LoggedVerdict | LoggedDecline


class Crowd:
    """Reviewers, a log and an agent. The log is a list for each partition."""

    def __init__(self, queue: ReviewQueue, clock: HandClock, items: int, seed: int) -> None:
        self.queue, self.clock = queue, clock
        self.random = random.Random(seed)
        self.controls = [new_item(1_000_000 + number, "control") for number in range(20)]
        self.rules = QueueRules(N, frozenset(item.id for item in self.controls))
        self.items = {item.id: item for item in map(new_item, range(items))}
        self.log: list[list[Change]] = [[] for _ in range(PARTITIONS)]
        self.to_come = list(self.items.values())
        self.submissions: Counter[tuple[str, str]] = Counter()
        self.lost: list[str] = []
        self.claimed: defaultdict[str, list[str]] = defaultdict(list)
        self.over = False

    def partition(self, item: str) -> int:
        return int(item[-1], 16) % PARTITIONS

    async def agent(self) -> None:
        """Applies the log. Batches overlap, and come twice, and items come while people work."""
        while not self.over or await self.behind():
            for item in self.to_come[:40]:
                self.log[self.partition(item.id)].append(item)
            del self.to_come[:40]
            for partition in range(PARTITIONS):
                await self.apply(partition)
            self.clock.ms += STEP_MS
            await asyncio.sleep(0)

    async def behind(self) -> bool:
        positions = await self.queue.positions()
        return any(len(log) > positions.get(partition, 0) for partition, log in enumerate(self.log))

    async def apply(self, partition: int) -> None:
        position = (await self.queue.positions()).get(partition, 0)
        first = max(0, position - self.random.choice((0, 0, 0, 5)))
        following = min(len(self.log[partition]), first + self.random.choice((1, 30, 300)))
        records = self.log[partition][first:following]
        changes = QueueChanges(
            items=[each for each in records if isinstance(each, NewItem)],
            verdicts=[each for each in records if isinstance(each, LoggedVerdict)],
            declines=[each for each in records if isinstance(each, LoggedDecline)],
        )
        for _ in range(self.random.choice((1, 1, 2))):
            await self.queue.apply(partition, first, following, changes, self.rules)

    async def sleep_past(self, claimed: ClaimedItem) -> None:
        until = self.clock.ms + claimed.lease_ms
        while self.clock.ms <= until and not self.over:  # noqa: ASYNC110  # a clock is no event
            await asyncio.sleep(0.001)

    def produce(self, item: str, reviewer: str) -> None:
        log = self.log[self.partition(item)]
        self.submissions[item, reviewer] += 1
        log.append(LoggedVerdict(item, reviewer, {"good": True}, len(log), self.clock.ms))

    async def reviewer(self, name: str) -> None:
        while not self.over:
            claimed = await self.queue.next_item(name, CLAIM)
            if claimed is None:
                await self.finish()
                continue
            self.claimed[name].append(claimed.id)
            await asyncio.sleep(0)
            await self.work(claimed, name)

    async def finish(self) -> None:
        sent = sum(item in self.items for item, _ in self.submissions)
        self.over = sent >= N * len(self.items) and (await self.queue.progress()).done == len(self.items)
        await asyncio.sleep(0.01)

    async def work(self, claimed: ClaimedItem, name: str) -> None:
        what = self.random.random()
        item = claimed.id
        if what < 0.03 and item in self.items:
            log = self.log[self.partition(item)]
            await self.queue.decline(item, name, "not mine")
            log.append(LoggedDecline(item, name, "not mine", len(log)))
        elif what < 0.05:
            pass  # crashed between claim and submission; comes back to the same item
        elif what < 0.06:
            await self.sleep_past(claimed)  # the lease runs out
        elif what < 0.08:
            await self.queue.release(item, name)
        elif await self.queue.renew(item, name, CLAIM) is None:
            self.lost.append(item)
        else:
            await self.answer(item, name, what)

    async def answer(self, item: str, name: str, what: float) -> None:
        submission = f"{item} {name}"
        outcome = await self.queue.submit(item, name, submission, {"good": True})
        if outcome != "answered":
            self.lost.append(f"{item}: {outcome}")
        if what < 0.10:
            return  # crashed before the answers were sent: the mark must lapse
        self.produce(item, name)
        if what < 0.13:
            return  # crashed before the acknowledgement
        if what < 0.16:
            assert await self.queue.submit(item, name, submission, {"good": True}) == "repeated"
        assert await self.queue.acknowledge(item, name, submission)

    async def run(self, people: int) -> None:
        await self.queue.expect(dict.fromkeys(range(PARTITIONS), 0))
        await self.queue.add_rubric_items(self.controls, self.rules)
        async with asyncio.timeout(300), asyncio.TaskGroup() as group:
            for number in range(people):
                group.create_task(self.reviewer(f"reviewer {number}"))
            group.create_task(self.agent())


async def _check(crowd: Crowd) -> None:
    said = defaultdict(set)
    for item, reviewer in crowd.submissions:
        said[item].add(reviewer)
    assert {item: len(said[item]) for item in crowd.items if len(said[item]) != N} == {}
    assert [pair for pair, count in crowd.submissions.items() if count > 1] == []
    assert crowd.lost == []
    found = {item.id: item async for item in crowd.queue.items(chunk=100)}
    assert found.keys() == crowd.items.keys() | {item.id for item in crowd.controls}
    for item in crowd.items:
        assert found[item].verdicts.keys() == said[item]
        assert not found[item].surplus
        assert not said[item] & found[item].declined.keys()
    progress = await crowd.queue.progress()
    assert (progress.items, progress.done, progress.verdicts) == (
        len(crowd.items),
        len(crowd.items),
        N * len(crowd.items),
    )
    assert progress.surplus == 0


def _work_through(url: str, items: int, people: int, seed: int) -> Crowd:
    clock = HandClock()
    crowds: list[Crowd] = []

    async def use(queue: ReviewQueue) -> None:
        crowd = Crowd(queue, clock, items, seed)
        crowds.append(crowd)
        await crowd.run(people)
        await _check(crowd)

    with_queue(url, use, clock)
    return crowds[0]


@pytest.mark.parametrize("seed", [1, 2], ids=["one crowd", "another crowd"])
def test_each_item_gets_n_verdicts_by_n_people(valkey: str, seed: int) -> None:
    _work_through(valkey, items=120, people=8, seed=seed)


@pytest.mark.slow
def test_each_item_gets_n_verdicts_by_n_people_in_a_cluster(redis_cluster: str) -> None:
    _work_through(redis_cluster, items=60, people=6, seed=3)


@pytest.mark.slow
def test_twenty_reviewers_work_through_two_thousand_items(valkey: str) -> None:
    crowd = _work_through(valkey, items=2000, people=20, seed=4)
    controls = {item.id for item in crowd.controls}
    for name, claimed in crowd.claimed.items():
        distinct = dict.fromkeys(claimed)  # a crashed reviewer gets the same one again
        share = sum(item in controls for item in distinct) / len(distinct)
        assert share <= 0.12, name
