"""The sweeper on a real Redis: what is quiet, and what only looks so."""

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.service.redis import connect
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.store import Commit, ConversationStore, conversation_arguments
from plaudit_stream_processors.worker.sweeper import end_idle_conversations

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
        arguments = conversation_arguments(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, reached, arguments, 1, {}), None)
        output: Any = SimpleNamespace(send_records=send_records)
        try:
            return await end_idle_conversations(
                store, output, Encoder("conversation_event"), {0: waiting}, topic="t", idle_timeout_s=60
            )
        finally:
            await client.aclose()

    assert asyncio.run(run()) == swept == len(sent)
