"""Both ways of a commit, the script alone and the transaction, beside a model, on random batches."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from plaudit_schemas.service.redis import Argument, connect, execute
from plaudit_schemas.service.redis_transaction import transact
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.commit import NO_LEFTOVERS, Commit, conversation_changes
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import ConversationStore, FencedError, Holding, StateLostError

from tests.support.commit_model import CommitModel, Fields, content_of

pytestmark = pytest.mark.redis
STORE = "plaudit_stream_processors.state.store"
HOUR_MS = 3_600_000
STEPS = 60
KEYS = [f"shop/c{number}" for number in range(24)]


class _Owner:
    """A worker's side of one partition: it folds at random, as the rules allow, and commits."""

    def __init__(self, store: ConversationStore, rng: random.Random) -> None:
        self.store, self.rng, self.model = store, rng, CommitModel(HOUR_MS)
        self.epoch, self.former = "", ""
        self.states: dict[str, ConversationState] = {}
        self.now_ms, self.found = 100 * HOUR_MS, NO_LEFTOVERS
        self.committed: int | None = None
        self.last: Commit | None = None

    async def take_over(self) -> None:
        self.former = self.epoch
        owned = await self.store.acquire_partition(0, "me")
        self.epoch, self.committed, self.states, self.found = owned.epoch, owned.next_offset, {}, NO_LEFTOVERS

    async def commit(self) -> None:
        holding = Holding(self.epoch, self.committed)
        keys = self.rng.sample(KEYS, self.rng.choice([0, 1, 3, 12]))
        self.states |= await self.store.load_conversations(
            0, [key for key in keys if key not in self.states], holding
        )
        self.now_ms += self.rng.choice([0, 1, 1000, HOUR_MS, 3 * HOUR_MS])
        ids, changes, batch = list[str](), list[Argument](), {}
        for key in keys:
            state = self.states.setdefault(key, ConversationState(*key.split("/")))
            if state.erased:
                continue
            alone = self._fold(state)
            ids.append(key)
            changed = conversation_changes(state)
            changes += changed
            batch[key] = state, _fields(changed[3:]), alone
        names = [f"10s:{self.rng.randrange(6)}" for _ in range(self.rng.randrange(3))]
        buckets = {name: {f"shop likes{self.rng.randrange(3)}": self.rng.randint(-3, 3)} for name in names}
        first = self.committed or 0
        self.last = Commit(0, self.epoch, first, first + 10, self.now_ms, ids, changes, buckets)
        leftovers = self.found
        self.found = await self.store.commit_batch(self.last, self.committed, leftovers)
        self.committed = first + 10
        self.model.commit(batch, buckets, leftovers, first + 10, self.now_ms)
        if self.rng.random() < 0.8:  # else they stay, as those do that the next batch has loaded already
            self.states = {key: state for key, state in self.states.items() if state.is_open}

    def _fold(self, state: ConversationState) -> bool:
        """Let something happen to a conversation. True where nothing may stay of what Redis has of it."""
        what = self.rng.choice(["event", "event", "event", "end", "erase", "anew"])
        anew = what == "anew"
        if anew:
            state.begin_again()
        state.events += 1
        state.is_open, state.activity_ms = what in ("event", "anew"), self.now_ms
        state.dirty |= dict.fromkeys(self.rng.sample(["conversation", "votes"], self.rng.randint(0, 2)))
        state.dirty["message:m"] = {
            "n": self.rng.randrange(9),
            "message_id": "m",
            "role": "user",
            "events": [],
        }
        if what == "end":
            state.end = {"reason": "closed", "at": 0, "arrived_ms": self.now_ms}
        elif what == "erase":
            state.forget_content()
            state.erased, state.end = True, {"reason": "erased", "at": 0, "arrived_ms": self.now_ms}
        return anew or state.erased

    async def resend(self) -> None:
        if self.last is not None and self.last.epoch == self.epoch:
            await self.store.commit_batch(self.last, self.last.first_offset or None, self.found)

    async def be_refused(self) -> None:
        """A former owner, and a batch that does not start at the position, write nothing."""
        changes: list[Argument] = ["open", 1, 2, "progress", "lost"] * 3
        first, ids = self.committed or 0, KEYS[:3]
        if self.former:
            with pytest.raises(FencedError):
                await self.store.commit_batch(
                    Commit(0, self.former, first, first + 1, 0, ids, changes, {"10s:0": {"x y": 1}}), first
                )
        if self.committed is not None:
            with pytest.raises(StateLostError):
                await self.store.commit_batch(
                    Commit(0, self.epoch, first + 5, first + 6, 0, ids, changes, {}), first + 5
                )

    async def expire(self) -> None:
        """A bucket, and what is left of a conversation, run out of time."""
        names = partition_keys(self.store.prefix, 0)
        if self.model.cells:
            bucket = self.rng.choice(sorted(self.model.cells))
            await execute(self.store.client, "DEL", names.metrics + bucket)
            del self.model.cells[bucket]
        mortal = sorted(self.model.mortal - self.states.keys())
        if mortal:
            key = self.rng.choice(mortal)
            await execute(self.store.client, "DEL", names.conversation + key)
            self.model.mortal.discard(key)
            del self.model.hashes[key]


def _fields(flat: Sequence[Any]) -> Fields:
    return {str(field): value.decode() for field, value in zip(flat[::2], flat[1::2], strict=True)}


async def _agree(url: str, seed: int) -> CommitModel:
    client, rng = connect(url), random.Random(seed)
    store = ConversationStore(
        client, prefix=uuid.uuid4().hex, state_retention_ms=HOUR_MS, late_guard_ms=HOUR_MS
    )
    owner = _Owner(store, rng)
    try:
        await owner.take_over()
        for step in range(STEPS):
            action = rng.choice(["commit"] * 6 + ["take_over", "resend", "be_refused", "expire"])
            await getattr(owner, action)()
            assert await content_of(client, store.prefix, 0) == owner.model.content(), (seed, step, action)
    finally:
        await client.aclose()
    return owner.model


async def _agree_always(url: str, seeds: range) -> None:
    for seed in seeds:
        model = await _agree(url, seed)
        assert model.dropped, "some expire"


@pytest.mark.slow
@pytest.mark.parametrize(
    "least",
    [
        pytest.param(0, marks=pytest.mark.slow, id="transactions"),
        pytest.param(4, id="both in turns"),
        pytest.param(10**9, marks=pytest.mark.slow, id="the script alone"),
    ],
)
def test_commits_leave_what_the_model_says(valkey: str, monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    monkeypatch.setattr(ConversationStore, "transact_from", least)
    ran = []

    async def counted(*arguments: Any) -> list[Any] | None:
        answers = await transact(*arguments)
        ran.append(answers is not None)
        return answers

    monkeypatch.setattr(f"{STORE}.transact", counted)
    asyncio.run(_agree_always(valkey, range(6)))
    assert sum(ran) > 100 if least == 0 else any(ran) == (least < 10**9)


@pytest.mark.slow
def test_commits_leave_the_same_on_a_cluster(redis_cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConversationStore, "transact_from", 0)
    asyncio.run(_agree_always(redis_cluster, range(100, 104)))
