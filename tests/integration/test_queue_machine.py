"""Anything that can happen to a queue of reviews, in any order, against a model, and the log in the end."""

import asyncio
import uuid
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict, QueueChanges, QueueRules
from plaudit_schemas.review.claims import ClaimRules
from plaudit_schemas.review.queue import QueueNotReadyError, ReviewQueue
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import connect

from tests.support.queue_model import KNOWN_MS, LEASE_MS, OVERLAP, Given, QueueModel
from tests.support.queued_items import HandClock, new_item

pytestmark = pytest.mark.redis
T = TypeVar("T")

ITEMS = [new_item(2), new_item(1), new_item(3, conversation="c1")]
ITEM = st.sampled_from([ITEMS[at].id for at in (0, 0, 0, 1, 2)])  # most of it is about one item
WHO = st.sampled_from(["ann", "ben", "cleo"])
ANSWERS = st.sampled_from([{"good": True}, {"good": False}, {"good": True, "why": "so"}])
TAKEN = st.integers(0, 2)  # how many of its events Kafka takes before the console gives up
CLAIM, RULES = ClaimRules(LEASE_MS), QueueRules(OVERLAP)
Event = tuple[str, str, str, Any, str]  # event id, item or conversation, reviewer, what, name


class QueueMachine(RuleBasedStateMachine):
    """Pages, the agent, Kafka, time, and a Redis that may be emptied."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = connect(url)
        self.clock = HandClock()
        self.queue = ReviewQueue(
            self.client, uuid.uuid4().hex, QueueName("shop", "good", "1"), now_ms=self.clock
        )
        self.model = QueueModel()
        self.log: list[Event] = [(item.id, item.id, "", item, "item") for item in ITEMS]
        self.late: list[list[Event]] = []
        self.sent: dict[tuple[str, str], tuple[str, Given]] = {}
        self.at = self.expected = self.submissions = 0
        self.empty_redis()
        self.agent_reads(len(self.log))

    def teardown(self) -> None:
        self.do(self.queue.drop())
        self.do(self.client.aclose())
        self.loop.close()

    def do(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def ready(self) -> bool:
        return self.at >= self.expected

    # Kafka and the agent.

    def produce(self, events: list[Event], taken: int) -> bool:
        self.log += (event for event in events[:taken] if event not in self.log)
        if taken < len(events):
            self.late.append(events[taken:])
        return taken >= len(events)

    @precondition(lambda self: self.late)
    @rule()
    def kafka_takes_what_the_producer_still_had(self) -> None:
        events = self.late.pop(0)
        self.produce(events, len(events))

    @precondition(lambda self: self.at < len(self.log))
    @rule(most=st.integers(1, 6))
    def agent_reads(self, most: int) -> None:
        first, following = self.at, min(self.at + most, len(self.log))
        gone = {event[1] for event in self.log if event[4] == "erase"}
        batch = [(first + at, *event) for at, event in enumerate(self.log[first:following])]
        items = [
            what for *_, what, name in batch if name == "item" and what.target.conversation_id not in gone
        ]
        verdicts = [
            LoggedVerdict(item, who, what, offset, 500 + offset)
            for offset, _, item, who, what, name in batch
            if name == "verdict"
        ]
        declines = [
            LoggedDecline(item, who, "no", offset)
            for offset, _, item, who, _, name in batch
            if name == "decline"
        ]
        erased = [one for _, _, one, _, _, name in batch if name == "erase"]
        changes = QueueChanges(items, verdicts, (), declines, erased)
        self.do(self.queue.apply(0, first, following, changes, RULES))
        self.do(self.queue.apply(0, max(first - 1, 0), following, changes, RULES))  # another agent
        self.model.apply(items, verdicts, declines, erased)
        self.at = following

    def empty_redis(self) -> None:
        self.do(self.queue.drop())
        self.model, self.at, self.expected = QueueModel(), 0, len(self.log)
        with pytest.raises(QueueNotReadyError):
            self.do(self.queue.next_item("ann", CLAIM))
        self.do(self.queue.expect({0: self.expected}))

    # Time.

    @rule(ms=st.sampled_from([1, 30_000, 60_000, LEASE_MS]))
    def time_passes(self, ms: int) -> None:
        self.clock.ms += ms
        self.model.settle(self.clock.ms)

    # Reviewers.

    @precondition(lambda self: self.ready())
    @rule(who=WHO)
    def takes_the_next(self, who: str) -> None:
        got = self.do(self.queue.next_item(who, CLAIM))
        allowed: list[str] = next(filter(None, self.model.candidates(who)), [])
        if not allowed:
            assert got is None
            return
        assert got is not None
        assert got.id in allowed
        self.model.claim(got.id, who, self.clock.ms)

    @precondition(lambda self: self.ready())
    @rule(item=ITEM, who=WHO, how=st.sampled_from(["open", "renew", "release", "decline"]))
    def moves(self, item: str, who: str, how: str) -> None:
        if how == "open":
            opened = self.do(self.queue.open_item(item, who, CLAIM))
            assert (opened is not None) == self.model.may_open(item, who)
            if opened is not None:
                self.model.claim(item, who, self.clock.ms)
        elif how == "renew":
            keeps = item in self.model.items and self.model.part(item, who).lease is not None
            assert self.do(self.queue.renew(item, who, CLAIM)) == (LEASE_MS if keeps else None)
            if keeps:
                self.model.claim(item, who, self.clock.ms)
        elif how == "release":
            self.do(self.queue.release(item, who))
            self.model.release(item, who)
        else:
            self.produce([(f"decline {item} {who}", item, who, None, "decline")], 1)
            self.do(self.queue.decline(item, who, "no"))
            self.model.decline(item, who)

    @precondition(lambda self: self.ready())
    @rule(item=ITEM, who=WHO, given=ANSWERS, taken=TAKEN)
    def answers(self, item: str, who: str, given: Given, taken: int) -> None:
        self.submissions += 1
        self.sent[item, who] = f"s{self.submissions}", given
        self.sends(item, who, taken)

    @precondition(lambda self: self.ready() and self.sent)
    @rule(data=st.data(), taken=TAKEN)
    def sends_again(self, data: st.DataObject, taken: int) -> None:
        self.sends(*data.draw(st.sampled_from(sorted(self.sent))), taken)

    def answered(self) -> list[tuple[str, str]]:
        return sorted(key for key, part in self.model.parts.items() if part.counts)

    def sends(self, item: str, who: str, taken: int) -> None:
        submission, given = self.sent[item, who]
        got = self.do(self.queue.submit(item, who, submission, given))
        assert got == self.model.submit(item, who, submission, given, self.clock.ms)
        events: list[Event] = [
            (f"{submission}/{question}", item, who, {question: said}, "verdict")
            for question, said in given.items()
        ]
        if got != "gone" and self.produce(events, taken):
            self.acknowledges(item, who, submission)

    def acknowledges(self, item: str, who: str, submission: str) -> None:
        known = self.do(self.queue.acknowledge(item, who, submission))
        assert known == self.model.acknowledge(item, who, submission, self.clock.ms)
        assert known or not submission  # the console would send for ever

    @precondition(lambda self: self.ready() and self.answered())
    @rule(data=st.data(), taken=TAKEN)
    def takes_back(self, data: st.DataObject, taken: int) -> None:
        item, who = data.draw(st.sampled_from(self.answered()))
        part = self.model.part(item, who)
        given, name = part.answers, f"undo {len(part.taken_back)} {part.submission} {part.log}"
        got = self.do(self.queue.undo(item, who, CLAIM))
        assert (got is not None) == self.model.undo(item, who, self.clock.ms)
        events: list[Event] = [
            (f"{name}/{question}", item, who, {question: None}, "verdict") for question in given
        ]
        if got is not None and self.produce(events, taken):
            self.acknowledges(item, who, "")

    @rule(what=st.sampled_from(["nothing", "nothing", "nothing", "redis", "log", "log and page"]))
    def misfortune(self, what: str) -> None:
        if what == "redis":
            self.empty_redis()
        elif what != "nothing":
            self.produce([("erasure", "c1", "", None, "erase")], 1)
            if what == "log and page":
                self.do(self.queue.erase("c1"))
                self.model.erase("c1")

    # What must hold.

    @rule()
    def nothing_happens_any_more(self) -> None:
        """All is delivered, read and over: the queue says what the log says, no more and no less."""
        while self.late:
            self.kafka_takes_what_the_producer_still_had()
        if self.at < len(self.log):
            self.agent_reads(len(self.log))
        for _ in range(3):  # words, then the leases that they left
            self.time_passes(KNOWN_MS)
            self.agrees()
        told: dict[str, dict[str, dict[str, Any]]] = {item: {} for item in self.model.items}
        for _, item, who, what, name in self.log:
            if name == "verdict" and item in told:
                told[item].setdefault(who, {}).update(what)
        for found in self.items():
            holding = {
                who: {question: each for question, each in said.items() if each is not None}
                for who, said in told.pop(found.id).items()
            }
            assert {**found.verdicts, **found.surplus} == {who: said for who, said in holding.items() if said}
            assert len(found.verdicts) == min(OVERLAP, len(found.verdicts) + len(found.surplus))
        assert not told

    def items(self) -> list[Any]:
        async def read() -> list[Any]:
            return [each async for each in self.queue.items(chunk=2)]

        return self.do(read())

    @invariant()
    def agrees(self) -> None:
        progress = self.do(self.queue.progress())
        model, found = self.model, self.items()
        assert {each.id for each in found} == set(model.items)
        for each in found:
            assert each.verdicts == model.said(each.id, "verdict")
            assert each.surplus == model.said(each.id, "surplus")
            assert set(each.declined) == {who for who, part in model.of(each.id).items() if part.declined}
        counts = [model.verdicts(item) for item in model.items]
        slots = sum(OVERLAP - model.free(item) for item in model.items)
        assert progress[:5] == (
            len(counts), sum(count == OVERLAP for count in counts), sum(counts),
            sum(len(model.said(item, "surplus")) for item in model.items), slots - sum(counts),
        )  # fmt: skip


@pytest.mark.slow
def test_a_queue_does_what_its_model_does_and_ends_as_the_log_says(valkey: str) -> None:
    run_state_machine_as_test(
        partial(QueueMachine, valkey),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
