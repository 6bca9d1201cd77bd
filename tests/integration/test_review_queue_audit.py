"""The audit of review queues on a real line: it balances, and it sees what is wrong."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from plaudit_infra.audit.report import Report
from plaudit_infra.audit.run import audit
from plaudit_schemas.review.changes import NewItem, QueueRules
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_schemas.service.redis import connect, execute
from plaudit_schemas.settings import load
from plaudit_stream_processors.state.reset import delete_state
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from tests.support.line import Line
from tests.support.review_queues import SALT, ReviewQueues, rubric

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def keeping(line: Callable[..., Line]) -> Iterator[ReviewQueues]:
    made = ReviewQueues(line())
    yield made
    made.stop()


def audited(keeping: ReviewQueues, salt: str = SALT) -> Report:
    settings = load(ReviewSettings, environ={"PLAUDIT_REVIEW_SALT": salt})
    return audit(keeping.line.connection, load(WorkerSettings, environ={}), None, review=settings)


def test_the_audit_recomputes_the_queues(keeping: ReviewQueues) -> None:
    line, given = keeping.line, rubric()
    keeping.publish(given)
    line.start_worker()
    keeping.start()
    line.send(events(1000, open_conversations=40, start_us=time.time_ns() // 1000))
    line.wait_folded()
    keeping.wait_current(given)
    items = keeping.items(given)
    targets = [items[each].target for each in sorted(items)[:8]]
    keeping.answer(given, targets, "rita", {"helpful": True, "tone": "warm"})
    line.wait_folded()
    keeping.wait_current(given)
    report = audited(keeping)
    assert (report.differences, report.pending) == ([], [])
    # A conversation is taken out of the queue that nobody erased, and an item put in that was not drawn.
    lost = targets[0].conversation_id
    keeping.ask(given, "erase", lost)
    gone = len(items) - len(keeping.items(given))
    strange = NewItem("item-x", ReviewTarget("answer", "c", "a"), ("random",), 1, b"{}")
    keeping.ask(given, "add_rubric_items", [strange], QueueRules(given.overlap))
    report = audited(keeping)
    assert dict(report.found) == {"review queues": gone + 1}
    told = [each.what for each in report.differences]
    assert sum("is not in the queue" in each for each in told) == gone
    assert sum("does not belong to it (item-x)" in each for each in told) == 1
    # A mark of an answer that the log does not have yet is no difference.
    keeping.ask(given, "submit", max(keeping.items(given)), "rob", "s1", {"helpful": True})
    assert any("verdicts of quality@1 were given and are not in the log" in each
               for each in audited(keeping).pending)  # fmt: skip


def test_a_reset_of_the_state_deletes_the_queues_too(keeping: ReviewQueues) -> None:
    given, line = rubric(), keeping.line

    async def reset() -> int:
        client = connect(line.redis)
        await execute(client, "SET", f"{line.connection.redis_prefix}plaudit:keys", "of a gateway")
        deleted = await delete_state(client, line.connection.redis_prefix)
        kept = await execute(client, "GET", f"{line.connection.redis_prefix}plaudit:keys")
        await client.aclose()
        assert kept == b"of a gateway"
        return deleted

    item = NewItem("item-x", ReviewTarget("answer", "c", "a"), ("random",), 1, b"{}")
    keeping.ask(given, "add_rubric_items", [item], QueueRules(given.overlap))
    assert asyncio.run(reset()) > 2
    assert keeping.items(given) == {}


def test_another_salt_is_not_audited(keeping: ReviewQueues) -> None:
    keeping.publish(rubric())
    report = audited(keeping, "another salt than the one of tests")
    assert any("another PLAUDIT_REVIEW_SALT" in each for each in report.unchecked)
