"""Tasks of a queue in a real Redis."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from plaudit_producers.interchange.task_sources import FoundTasks, tasks_of_queue
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_schemas.review.changes import LoggedVerdict, NewItem, QueueChanges, QueueRules, Reason
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.targets import QueueName, ReviewTarget, item_id
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl

from tests.producers.interchange.rubrics import document, message, number, rubric, score

pytestmark = pytest.mark.redis

RUBRIC = rubric("answer", overlap=2)


def item(name: str, *reasons: Reason, context: Any = None) -> NewItem:
    target = ReviewTarget("answer", "c1", name)
    kept = document(score("a1", number(0.8), "stars"), score("a2", number(0.8), "stars"))
    kept["messages"].append(message("a3", "assistant", "answer 3", "q1"))
    text = json.dumps(kept if context is None else context).encode()
    return NewItem(item_id("shop", "quality", target), target, reasons, 1, text)


def verdict(of: NewItem, reviewer: str, offset: int) -> LoggedVerdict:
    return LoggedVerdict(of.id, reviewer, {"good": True}, offset, 1)


def found(
    valkey: str, changes: QueueChanges, limit: int | None = None, ends: Mapping[int, int] | None = None
) -> FoundTasks:
    """The tasks after these changes to an empty queue; `ends` are those of the log, None if nobody knows."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    connection = ConnectionSettings(redis_url=SecretUrl(valkey), redis_prefix=prefix, topic_prefix=prefix)

    async def ask() -> FoundTasks:
        client = connect(valkey, timeout_s=30)
        try:
            queue = ReviewQueue(client, prefix, QueueName("shop", "quality", "1"))
            if ends is not None:
                await queue.expect(ends)
            await queue.apply(0, 0, 10, changes, QueueRules(overlap=2))
            return await tasks_of_queue(RUBRIC, connection, limit)
        finally:
            await client.aclose()

    return asyncio.run(ask())


def test_items_that_need_verdicts_are_tasks(valkey: str) -> None:
    plain, random, done = item("a1", "everything"), item("a2", "random"), item("a3", "everything")
    gone = item("a4", "everything", context=document(answers=1))
    given = (verdict(plain, "ana", 1), verdict(done, "ana", 2), verdict(done, "ben", 3))
    tasks = found(valkey, QueueChanges(items=(plain, random, done, gone), verdicts=given), ends={})
    by_message = {task.carried.address.target.message_id: task for task in tasks.tasks}
    assert sorted(by_message) == ["a1", "a2"]
    assert by_message["a1"].answers == ("answer 1",)
    assert by_message["a1"].suggestions
    assert not by_message["a2"].suggestions  # of the random share
    assert tasks.gone == 1


def test_no_more_tasks_than_the_limit(valkey: str) -> None:
    both = QueueChanges(items=(item("a1", "everything"), item("a2", "everything")))
    assert len(found(valkey, both, limit=1, ends={}).tasks) == 1


def test_a_queue_that_is_not_there_or_not_filled_is_told(valkey: str) -> None:
    one = QueueChanges(items=(item("a1", "everything"),))
    with pytest.raises(NotFoundError, match="quality@1 of application shop has no queue; publish it with"):
        found(valkey, one)
    with pytest.raises(ServiceUnavailableError, match="is being filled from the log"):
        found(valkey, one, ends={0: 20})


def test_a_redis_that_is_away_is_named() -> None:
    away = ConnectionSettings(redis_url=SecretUrl("redis://127.0.0.1:1/0"))
    with pytest.raises(ServiceUnavailableError, match="check PLAUDIT_REDIS_URL"):
        asyncio.run(tasks_of_queue(RUBRIC, away, None))
