"""The sweeper on a real Redis: what is quiet, and what only looks so."""

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.service.redis import connect
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.commit import Commit, conversation_changes
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker import sweeper
from plaudit_stream_processors.worker.sweeper import EventsTopic, end_idle_conversations

pytestmark = pytest.mark.redis


@pytest.mark.parametrize(
    ("waiting", "reached_after_s", "swept"),
    [(0, 1, 1), (1000, 1, 0), (1000, 90, 1)],
    ids=["quiet for hours", "the log goes on a second later", "the log is a minute further"],
)
def test_time_is_as_far_as_the_log_is_folded(
    valkey: str, waiting: int, reached_after_s: int, swept: int
) -> None:
    sent: list[Any] = []

    async def send_records(records: list[Any]) -> None:
        sent.extend(records)

    async def run() -> int:
        client = connect(valkey)
        store = ConversationStore(client, prefix=uuid.uuid4().hex, state_retention_ms=60_000)
        owned, hours_ago = await store.acquire_partition(0, "me"), time.time_ns() // 1_000_000 - 7_200_000
        state = ConversationState("shop", "c1")
        state.is_open, state.events, state.activity_ms = True, 1, hours_ago
        state.dirty["conversation"] = None
        reached = hours_ago + reached_after_s * 1000
        arguments = conversation_changes(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, reached, [state.key], arguments, {}), None)
        output: Any = SimpleNamespace(send_records=send_records)
        try:
            return await end_idle_conversations(
                store,
                output,
                Encoder("conversation_event"),
                {0: waiting},
                topic=EventsTopic("t", 1),
                idle_timeout_s=60,
                now_ms=time.time_ns() // 1_000_000,
            )
        finally:
            await client.aclose()

    assert asyncio.run(run()) == swept == len(sent)


def test_what_earlier_rules_took_in_a_wrong_partition_is_left_alone(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end would go to another partition, again with each sweep, and it must not keep others waiting."""
    monkeypatch.setattr(sweeper, "ENDS_PER_PARTITION", 3)
    keys = [f"shop/c{number}" for number in range(40)]
    own = [key for key in keys if partition_of(key.encode(), 4) == 0]
    sent: list[Any] = []

    async def send_records(records: list[Any]) -> None:
        sent.extend(records)

    async def run() -> None:
        client = connect(valkey)
        store = ConversationStore(client, prefix=uuid.uuid4().hex, state_retention_ms=60_000)
        owned, hours_ago = await store.acquire_partition(0, "me"), time.time_ns() // 1_000_000 - 7_200_000
        changes: list[Any] = []
        for at, key in enumerate([*(key for key in keys if key not in own), *own]):  # the wrong ones first
            state = ConversationState(*key.split("/"))
            state.is_open, state.events, state.activity_ms = True, 1, hours_ago + at
            state.dirty["conversation"] = None
            changes += conversation_changes(state)
        ids = [*(key for key in keys if key not in own), *own]
        await store.commit_batch(Commit(0, owned.epoch, 0, 40, hours_ago, ids, changes, {}), None)
        output: Any = SimpleNamespace(send_records=send_records)
        await end_idle_conversations(
            store, output, Encoder("conversation_event"), {0: 0}, topic=EventsTopic("t", 4),
            idle_timeout_s=60, now_ms=time.time_ns() // 1_000_000,
        )  # fmt: skip
        await client.aclose()

    asyncio.run(run())
    assert [record.key.decode() for record in sent] == own[:3]
