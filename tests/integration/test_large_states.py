"""Conversations that are too large for one answer of Redis, on a real server."""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.live_state import LiveState
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.service.redis import Argument, RedisClient, Script, connect
from plaudit_stream_processors.fold import CAPS_VERSION, ConversationState, Rules, room
from plaudit_stream_processors.state import parts
from plaudit_stream_processors.state.commit import Commit, conversation_changes
from plaudit_stream_processors.state.folded import FoldedReader
from plaudit_stream_processors.state.store import ConversationStore, FencedError, Holding, StateLostError

from tests.stream_processors.builders import Folded, like, message, start

pytestmark = pytest.mark.redis

MIB = 1 << 20
KEY = "acme/c1"
EARLIER = Rules(version=CAPS_VERSION - 1)
MANY_SMALL, FEW_LARGE = (12_000, 400), (12, 900_000)  # messages, characters of each


class Answers:
    """Measures what scripts answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.largest = self.number = 0
        self.before: Callable[[int], Awaitable[Any]] | None = None
        call = Script.__call__

        async def measured(
            script: Script, client: RedisClient, keys: Sequence[str], arguments: Sequence[Argument]
        ) -> Any:
            if self.before is not None:
                await self.before(self.number)
            answer = await call(script, client, keys, arguments)
            self.number += 1
            self.largest = max(self.largest, _bytes_of(answer))
            return answer

        monkeypatch.setattr(Script, "__call__", measured)


def _bytes_of(answer: Any) -> int:
    if isinstance(answer, list):
        return sum(map(_bytes_of, answer))
    return len(answer) if isinstance(answer, bytes) else 8


def conversation(messages: int, characters: int, rules: Rules | None = None) -> ConversationState:
    folded = Folded(rules).add(start())
    folded.add(*(message(f"m{n}", "user", content=f"{n}" * characters) for n in range(3)))
    for n in range(messages):  # not by the fold, whose limits these are above
        added = {
            **folded.state.messages["m2"],
            "message_id": f"n{n}",
            "n": 3 + n,
            "content": "é" * (characters // 2),
        }
        folded.state.messages[f"n{n}"] = folded.state.dirty[f"message:n{n}"] = added
    return folded.add(like("n1")).state


@asynccontextmanager
async def committed(url: str, state: ConversationState) -> AsyncIterator[tuple[ConversationStore, Holding]]:
    client = connect(url)
    try:
        store = ConversationStore(client, prefix=uuid.uuid4().hex, state_retention_ms=60_000)
        owned = await store.acquire_partition(0, "me")
        changes = conversation_changes(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, 0, [state.key], changes, {}), None)
        yield store, Holding(owned.epoch, 10)
    finally:
        await client.aclose()


def content_of(state: ConversationState) -> dict[str, Any]:
    names = ("messages", "seen", "events", "facts", "votes", "last_message", "children")
    return {"slots": set(state.feedback), **{name: getattr(state, name) for name in names}}


@pytest.mark.slow
@pytest.mark.parametrize("rules", [None, EARLIER], ids=["current rules", "earlier rules"])
@pytest.mark.parametrize("shape", [MANY_SMALL, FEW_LARGE], ids=["many small", "few large"])
def test_it_is_read_in_answers_of_some_mib(
    valkey: str, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], rules: Rules | None
) -> None:
    state = conversation(*shape, rules)
    state.used = None if rules else 2 * MIB

    async def run() -> None:
        async with committed(valkey, state) as (store, holding):
            answers = Answers(monkeypatch)
            (owners,) = (await store.load_conversations(0, [KEY], holding)).values()
            (readers,) = (await store.load_conversations(0, [KEY])).values()
            (followers,) = (await FoldedReader(store.client, store.prefix).read(0, 10, [KEY])).values()
            assert answers.largest < 6 * MIB
            for read in (owners, readers, followers):
                assert content_of(read) == content_of(state)
                assert read.size > 4 * MIB

    asyncio.run(run())


@pytest.mark.parametrize("rules", [None, EARLIER], ids=["current rules", "earlier rules"])
def test_of_an_overgrown_one_only_its_facts_are_read(
    valkey: str, monkeypatch: pytest.MonkeyPatch, rules: Rules | None
) -> None:
    for module in (parts, room):
        monkeypatch.setattr(module, "OVERGROWN_BYTES", 3 * MIB)
    state = conversation(*MANY_SMALL, rules)
    used = state.used = None if rules else 4 * MIB

    async def run() -> None:
        async with committed(valkey, state) as (store, holding):
            (read,) = (await store.load_conversations(0, [KEY], holding)).values()
            assert (read.messages, read.feedback, read.facts) == ({}, {}, state.facts)
            assert read.used == (used or room.used_bytes(state))
            assert room.is_overgrown(read)

    asyncio.run(run())


def test_many_of_middle_size_come_in_several_answers(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [conversation(1000, 700, EARLIER) for _ in range(12)]
    for n, state in enumerate(states):
        state.key = f"acme/c{n}"

    async def run() -> None:
        async with committed(valkey, states[0]) as (store, holding):
            for state in states[1:]:
                await store.commit_batch(
                    Commit(0, holding.epoch, 10, 10, 0, [state.key], conversation_changes(state), {}), 10
                )
            answers = Answers(monkeypatch)
            found = await store.load_conversations(0, [state.key for state in states], holding)
            assert {key: len(state.messages) for key, state in found.items()} == {
                state.key: 1003 for state in states
            }
            assert answers.number > 1
            assert answers.largest < 6 * MIB

    asyncio.run(run())


@pytest.mark.parametrize("what", ["another owner", "everything is lost"])
def test_an_owner_reads_no_half_of_it(valkey: str, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    state = conversation(*MANY_SMALL)
    state.used = 2 * MIB

    async def run() -> None:
        async with committed(valkey, state) as (store, holding):
            answers = Answers(monkeypatch)

            async def meanwhile(number: int) -> None:
                if number != 2:
                    return
                answers.before = None
                if what == "another owner":
                    await store.acquire_partition(0, "another")
                else:
                    await store.client.execute_command("FLUSHALL")

            answers.before = meanwhile
            with pytest.raises(FencedError if what == "another owner" else StateLostError):
                await store.load_conversations(0, [KEY], holding)

    asyncio.run(run())


def test_a_reader_reads_again_what_changed_meanwhile(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = conversation(*MANY_SMALL)
    state.used = 2 * MIB

    async def run() -> None:
        async with committed(valkey, state) as (store, holding):
            answers = Answers(monkeypatch)

            async def meanwhile(number: int) -> None:
                if number != 2:
                    return
                answers.before = None
                state.forget_content()
                state.is_open, state.erased, state.end = (
                    False,
                    True,
                    {"reason": "erased", "at": 0, "arrived_ms": 0},
                )
                await store.commit_batch(
                    Commit(0, holding.epoch, 10, 20, 0, [KEY], conversation_changes(state), {}), 10
                )

            answers.before = meanwhile
            (read,) = (await store.load_conversations(0, [KEY])).values()
            assert (read.erased, read.messages) == (True, {})

    asyncio.run(run())


@pytest.mark.parametrize(
    "difference", [pytest.param("", id="none"), pytest.param("messages", id="a message is missing")]
)
@pytest.mark.parametrize("rules", [None, EARLIER], ids=["current rules", "earlier rules"])
def test_the_audit_compares_it(
    valkey: str, monkeypatch: pytest.MonkeyPatch, rules: Rules | None, difference: str
) -> None:
    state = conversation(*FEW_LARGE, rules)
    state.used = None if rules else 2 * MIB
    expected = copy.deepcopy(state)
    if difference:
        expected.messages["more"] = expected.messages["n1"]

    async def run() -> list[str]:
        async with committed(valkey, state) as (store, _):
            answers = Answers(monkeypatch)
            ledger = Ledger(0, Rules(), Decoder("conversation_event", sparse=True), {}, position=10)
            ledger.states[KEY.encode()] = expected

            async def fold_until(_position: int) -> None:
                raise AssertionError("nothing was committed meanwhile")

            live = LiveState(store.client, store.prefix, ledger, fold_until)
            told = [finding.what async for finding in live.compare() if finding.account == "state"]
            assert live.conversations == 1
            assert answers.largest < 6 * MIB
            return told

    told = asyncio.run(run())
    assert told == ([f"{KEY}: its messages differ from the log's"] if difference else [])


def test_the_audit_leaves_out_what_changes_all_the_time(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = conversation(12, 1000)
    state.used = 2 * MIB
    expected = copy.deepcopy(state)

    async def run() -> None:
        async with committed(valkey, state) as (store, holding):
            answers, offset = Answers(monkeypatch), 10

            async def meanwhile(_number: int) -> None:
                nonlocal offset
                answers.before, state.events = None, state.events + 1
                change = Commit(
                    0, holding.epoch, offset, offset + 1, 0, [KEY], conversation_changes(state), {}
                )
                offset += 1
                await store.commit_batch(change, offset - 1)
                answers.before = meanwhile

            async def fold_until(position: int) -> None:
                ledger.position = position

            ledger = Ledger(0, Rules(), Decoder("conversation_event", sparse=True), {}, position=10)
            ledger.states[KEY.encode()] = expected
            live, answers.before = LiveState(store.client, store.prefix, ledger, fold_until), meanwhile
            assert [finding async for finding in live.compare() if finding.account == "state"] == []
            assert (live.unread, live.conversations) == (1, 0)

    asyncio.run(run())
