"""Review queues kept by real processes on a real line."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import in_random_share
from plaudit_schemas.review.targets import ReviewTarget, item_id
from plaudit_stream_processors.fold import Rules

from harness.events import events
from harness.waiting import eventually
from tests.support.health import asked, metrics, wait_ready
from tests.support.line import Line
from tests.support.recount import recount
from tests.support.review_queues import (
    APPLICATION,
    SALT,
    ReviewQueues,
    rubric,
    words_in_log,
    words_in_queue,
)

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

MakeLine = Callable[..., Line]
MakeQueues = Callable[..., ReviewQueues]


@pytest.fixture
def queues() -> Iterator[MakeQueues]:
    made: list[ReviewQueues] = []

    def make(line: Line, **settings: str) -> ReviewQueues:
        made.append(ReviewQueues(line, settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def begun(line: MakeLine, queues: MakeQueues) -> tuple[Line, ReviewQueues, Rubric]:
    """A line with a worker, and a process that keeps the queue of a rubric."""
    one, given = line(), rubric()
    keeping = queues(one)
    keeping.publish(given)
    one.start_worker()
    keeping.start()
    return one, keeping, given


def some_events(count: int, **options: Any) -> list[tuple[bytes, bytes]]:
    return list(events(count, start_us=time.time_ns() // 1000, **{"open_conversations": 40, **options}))


def encoded(conversation_id: str, name: str, body: dict[str, Any]) -> tuple[bytes, bytes]:
    event = {
        "event_id": f"{name}-{conversation_id}-{time.time_ns()}",
        "application": APPLICATION,
        "conversation_id": conversation_id,
        "occurred_at": time.time_ns() // 1000,
        "source": "sdk",
        "body": (f"plaudit.v1.{name}", body),
    }
    return conversation_key(APPLICATION, conversation_id), Encoder("conversation_event").encode(event)


def expected(line: Line, given: Rubric) -> set[str]:
    """The items of the random share, by a recount of the log."""
    states = recount(line.log(), Rules(partitions=line.partitions)).states
    found = set()
    for state in (each for held in states.values() for each in held.values() if not each.erased):
        for message in state.messages.values():
            target = ReviewTarget("answer", state.conversation_id, message["message_id"])
            complete = message["role"] == "assistant" and message["status"] == "complete"
            if complete and in_random_share(SALT.encode(), given, target):
                found.add(item_id(given.application, given.name, target))
    return found


def random_items(items: dict[str, ReviewedItem]) -> set[str]:
    return {item.id for item in items.values() if "random" in item.reasons}


def check_exact(line: Line, keeping: ReviewQueues, given: Rubric) -> dict[str, ReviewedItem]:
    """The queue has the random share and all verdicts of the log, nothing else, and nothing twice."""
    line.wait_folded(supervised=True)
    keeping.wait_current(given)
    items = keeping.items(given)
    assert random_items(items) == expected(line, given)
    assert words_in_queue(items) == words_in_log(keeping, given)
    return items


def first_targets(items: dict[str, ReviewedItem], count: int) -> list[ReviewTarget]:
    return [items[each].target for each in sorted(items)[:count]]


@pytest.mark.slow
def test_a_queue_follows_the_log(line: MakeLine, queues: MakeQueues) -> None:
    one, keeping, given = begun(line, queues)
    one.send(some_events(1500))
    items = check_exact(one, keeping, given)
    assert len(items) > 50
    targets = first_targets(items, 6)
    # What the fold refuses makes no item, and its words count for nothing.
    refused = {"message_id": "u0", "role": "assistant", "content": "Another.", "parent_id": ""}
    one.send([encoded(targets[0].conversation_id, "AddMessage", refused)])
    keeping.answer(given, targets, "rita", {"helpful": True, "tone": "warm"})
    keeping.answer(given, targets[:3], "rob", {"helpful": False, "tone": "cold"})
    items = check_exact(one, keeping, given)
    assert sum(len(item.verdicts) for item in items.values()) == 9
    one.send([encoded(targets[0].conversation_id, "EraseConversation", {"reason": "asked"})])
    keeping.wait_current(given)
    after = keeping.items(given)
    assert {item.target.conversation_id for item in after.values()} == {
        item.target.conversation_id for item in items.values()
    } - {targets[0].conversation_id}
    wait_ready(keeping.port())
    assert metrics(keeping.port(), "plaudit_review_queue_words_total")


@pytest.mark.slow
def test_killed_workers_and_processes_lose_and_double_nothing(line: MakeLine, queues: MakeQueues) -> None:
    one, given = line(settings={"worker_batch": "200", "worker_instance": "worker"}), rubric()
    keeping = queues(one, review_queue_batch="50")
    keeping.publish(given)
    one.start_worker()
    keeping.start()
    sent = some_events(2400, open_conversations=60)
    for part in range(4):
        one.send(sent[part * 600 : (part + 1) * 600])
        before = len(keeping.items(given))
        eventually(lambda: len(keeping.items(given)) > before, "items come")  # noqa: B023  # called at once
        targets = first_targets(keeping.items(given), 20)
        keeping.answer(given, targets, f"reviewer{part}", {"helpful": part % 2 == 0, "tone": "warm"})
        one.end_worker(one.workers[-1])
        keeping.running[-1].kill()
        one.start_worker()
        keeping.start()
    check_exact(one, keeping, given)


@pytest.mark.slow
def test_an_emptied_redis_is_rebuilt_with_all_verdicts(line: MakeLine, queues: MakeQueues) -> None:
    one, keeping, given = begun(line, queues)
    one.send(some_events(1200))
    targets = first_targets(check_exact(one, keeping, given), 30)
    keeping.answer(given, targets, "rita", {"helpful": True, "tone": "warm"})
    keeping.answer(given, targets[:10], "lea", {"helpful": False}, adjudicates=True)
    one.wait_folded()
    keeping.wait_current(given)
    before = keeping.items(given)
    assert sum(bool(item.adjudicated) for item in before.values()) == 10
    one.end_worker(one.workers[-1])
    with redis.Redis.from_url(one.redis) as client:
        client.delete(*client.scan_iter(f"{one.connection.redis_prefix}*", count=1000))
    one.start_worker()
    one.send(some_events(200, seed=2))  # the process that runs meets the gap
    after = check_exact(one, keeping, given)
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_an_emptied_redis_is_noticed_without_new_events(line: MakeLine, queues: MakeQueues) -> None:
    one, keeping, given = begun(line, queues)
    one.send(some_events(300))
    before = check_exact(one, keeping, given)
    with redis.Redis.from_url(one.redis) as client:
        client.delete(*client.scan_iter(f"{one.connection.redis_prefix}*", count=1000))
    assert one.wait_ended(one.workers[-1]) == 1
    assert "has lost what was committed" in one.logs()
    one.start_worker()
    assert check_exact(one, keeping, given) == before
    eventually(lambda: keeping.ask(given, "stage") == "ready", "the queue gives items again")


@pytest.mark.slow
def test_a_new_version_is_filled_from_the_log_while_the_process_runs(
    line: MakeLine, queues: MakeQueues
) -> None:
    one, given = line(), rubric()
    keeping = queues(one, review_queue_keep_hours="0")
    one.start_worker()
    keeping.start()
    one.send(some_events(800))
    one.wait_folded()
    wait_ready(keeping.port())  # without a rubric there is nothing to do
    keeping.publish(given)
    items = check_exact(one, keeping, given)
    keeping.answer(given, first_targets(items, 10), "rita", {"helpful": True, "tone": "cold"})
    check_exact(one, keeping, given)
    wider = rubric(version="2", select={"random": 0.6}, continues=["1"])
    keeping.publish(wider)
    for part in range(20):  # events go on while the version is noticed
        one.send(some_events(20, seed=part + 3))
    one.wait_folded()
    keeping.wait_current(wider)
    found = keeping.items(wider)
    assert random_items(found) == expected(one, wider)
    assert random_items(found) > random_items(items)
    assert words_in_queue(found) == words_in_log(keeping, given)  # it continues the version before
    eventually(lambda: keeping.items(given) == {}, "the queue of the version before is deleted")


@pytest.mark.slow
def test_words_after_the_state_has_expired_still_count(line: MakeLine, queues: MakeQueues) -> None:
    retention = {"state_retention_hours": "0.0002"}  # less than a second
    one, given = line(settings=retention), rubric(select={"everything": True})
    keeping = queues(one, **retention)
    keeping.publish(given)
    one.start_worker()
    keeping.start()
    chat = [
        encoded("old", "StartConversation", {}),
        encoded("old", "AddMessage", {"message_id": "q", "role": "user", "content": "Well?"}),
        encoded("old", "AddMessage", {"message_id": "a", "role": "assistant", "content": "Yes."}),
        encoded("old", "EndConversation", {"reason": "closed"}),
    ]
    one.send(chat)
    one.wait_folded()
    keeping.wait_current(given)
    time.sleep(1)  # the retention passes by the broker's clock, which nothing here can wait for
    target = ReviewTarget("answer", "old", "a")
    keeping.answer(given, [target], "rita", {"helpful": True, "tone": "warm"})
    one.wait_folded()
    keeping.wait_current(given)
    item = keeping.items(given)[item_id(APPLICATION, given.name, target)]
    assert dict(item.verdicts) == {"rita": {"helpful": True, "tone": "warm"}}
    # A version that is filled from the log finds the item although the state has dropped its content.
    one.send([encoded("new", "StartConversation", {})])
    again = rubric(version="2", select={"everything": True}, continues=["1"])
    keeping.publish(again)
    one.wait_folded()
    keeping.wait_current(again)
    rebuilt = keeping.items(again)[item.id]
    assert (set(rebuilt.reasons), dict(rebuilt.verdicts)) == ({"everything", "answered"}, dict(item.verdicts))


@pytest.mark.slow
def test_two_processes_share_the_partitions_and_one_takes_all(line: MakeLine, queues: MakeQueues) -> None:
    one, keeping, given = begun(line, queues)
    keeping.start()

    def shared() -> bool:
        lines = [metrics(keeping.port(each), "plaudit_review_queue_assigned_partitions ") for each in (0, 1)]
        return [float(one[0].split()[-1]) for one in lines] == [2.0, 2.0]

    for each in (0, 1):
        wait_ready(keeping.port(each))
    eventually(shared, "each has two partitions", 60)
    one.send(some_events(1000))
    check_exact(one, keeping, given)
    keeping.running[0].kill()
    one.send(some_events(500, seed=2))
    check_exact(one, keeping, given)


@pytest.mark.slow
def test_another_salt_is_told_and_keeps_no_queue(line: MakeLine, queues: MakeQueues) -> None:
    one, given = line(), rubric()
    keeping = queues(one, review_salt="another salt than the one of tests")
    keeping.publish(given)
    one.start_worker()
    keeping.start()
    one.send(some_events(200))
    one.wait_folded()
    wait_ready(keeping.port())
    _, health = asked(keeping.port(), "/health/ready")
    assert "was published with another PLAUDIT_REVIEW_SALT" in str(health)
    (unusable,) = metrics(keeping.port(), "plaudit_review_queue_unusable_rubrics ")
    assert float(unusable.split()[-1]) == 1
    assert keeping.items(given) == {}


@pytest.mark.slow
def test_what_was_sent_and_topics_are_items_soon(line: MakeLine, queues: MakeQueues) -> None:
    one = line()
    given = rubric(select={})
    write = [{"name": "prompt", "kind": "prompt", "title": "Write."}]
    topics = rubric(
        name="seeds", target="topic", questions=write, select={}, topics=[{"name": "cooking", "prompts": 7}]
    )
    keeping = queues(one)
    keeping.publish(given)
    keeping.publish(topics)
    one.start_worker()
    keeping.start()
    one.send(some_events(300))
    one.wait_folded()
    keeping.wait_current(given)
    assert keeping.items(given) == {}
    eventually(lambda: len(keeping.items(topics)) == 7, "the topics are items")
    states = recount(one.log(), Rules(partitions=one.partitions)).states
    state = next(each for held in states.values() for each in held.values() if "a0" in each.messages)
    keeping.send(given, ReviewTarget("answer", state.conversation_id, "a0"))
    eventually(lambda: len(keeping.items(given)) == 1, "what was sent is an item")
    (item,) = keeping.items(given).values()
    assert item.reasons == ("sent",)


@pytest.mark.slow
def test_a_worker_that_is_away_is_waited_for(line: MakeLine, queues: MakeQueues) -> None:
    one, given = line(), rubric()
    keeping = queues(one)
    keeping.publish(given)
    keeping.start()
    one.send(some_events(200))
    eventually(lambda: "is folded up to" in str(asked(keeping.port(), "/health/ready")), "it waits")
    one.start_worker()
    check_exact(one, keeping, given)
