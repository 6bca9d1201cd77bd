"""Which queues are kept, and what a rubric puts into them by itself."""

import asyncio
from typing import Any

import pytest
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_stream_processors.review_queue.queues import rules_of
from plaudit_stream_processors.review_queue.seeding import QueueSeeder

from tests.stream_processors.builders import event, message, start
from tests.stream_processors.review_queue.builders import PARTITIONS, Log, rubric, the_item
from tests.stream_processors.review_queue.pipelines import Keeping

RANDOM = rubric(select={"random": 0.5})
WRITE: dict[str, Any] = {
    "target": "topic",
    "questions": [{"name": "prompt", "kind": "prompt", "title": "Write."}],
    "topics": [{"name": "cooking", "prompts": 600}, {"name": "law", "prompts": 2}],
}


def chat(*more: dict[str, Any]) -> Log:
    return Log(start(), message("q1", "user"), message("a1", at=2), *more)


def looked(keeping: Keeping) -> bool:
    return asyncio.run(keeping.queues.look())


def seed(keeping: Keeping, *, times: int = 1) -> None:
    reader: Any = keeping.reader
    seeder = QueueSeeder(reader, PARTITIONS)

    async def work() -> None:
        for _ in range(times):
            for queue in keeping.queues.active.values():
                await seeder.seed(queue, 1000)

    asyncio.run(work())


def test_a_new_version_takes_the_place_of_the_one_before() -> None:
    keeping = Keeping(chat(), RANDOM)
    assert looked(keeping)
    assert not looked(keeping)
    second = rubric(version="2", select={"random": 0.7})
    keeping.follower.publish(second)
    assert looked(keeping)
    assert [name.version for name in keeping.queues.active] == ["2"]
    assert [name.version for name in keeping.queues.ended] == ["1"]
    keeping.follower.withdraw(second)
    assert not looked(keeping)
    assert keeping.queues.active == {}


def test_ended_queues_are_deleted_after_their_time_and_once() -> None:
    keeping = Keeping(chat(), RANDOM, keep_hours=1.0)
    keeping.follower.withdraw(RANDOM)
    looked(keeping)
    asyncio.run(keeping.queues.drop_ended(3_599_000))
    assert keeping.store(RANDOM).dropped == 0
    asyncio.run(keeping.queues.drop_ended(3_600_001))
    keeping.follower.publish(rubric(name="another"))
    looked(keeping)
    asyncio.run(keeping.queues.drop_ended(9_000_000))
    assert keeping.store(RANDOM).dropped == 1


def test_a_version_that_is_published_again_is_kept_again() -> None:
    keeping = Keeping(chat(), RANDOM, keep_hours=0.0)
    keeping.follower.withdraw(RANDOM)
    looked(keeping)
    asyncio.run(keeping.queues.drop_ended(1000))
    keeping.follower.publish(RANDOM)
    assert looked(keeping)
    asyncio.run(keeping.queues.drop_ended(1000))
    assert keeping.store(RANDOM).dropped == 1
    assert list(keeping.queues.active) == [keeping.published(RANDOM).queue]


@pytest.mark.parametrize("salted", [True, False], ids=["another salt", "a publication that is unreadable"])
def test_what_cannot_be_kept_is_told_and_the_others_go_on(salted: bool) -> None:
    keeping = Keeping(chat(), rubric(name="plain", select={"everything": True}))
    if salted:
        keeping.follower.publish(RANDOM, b"another salt of sixteen bytes")
    else:
        keeping.follower.unreadable = [("acme/x/01", "upgrade it")]
    looked(keeping)
    assert [name.rubric for name in keeping.queues.active] == ["plain"]
    (problem,) = keeping.queues.problems
    assert ("another PLAUDIT_REVIEW_SALT" if salted else "acme/x/01 of a rubric cannot be read") in problem


def test_topics_are_items_once() -> None:
    write = rubric(**WRITE)
    keeping = Keeping(chat(), write)
    looked(keeping)
    seed(keeping, times=2)
    added = keeping.store(write).added
    assert len(added) == len({item.id for item in added}) == 602
    assert added[0].reasons == ("everything",)


def test_controls_and_what_was_sent_come_with_their_conversation() -> None:
    controls = {"items": [{"conversation": "c1", "message": "a1", "expected": {"helpful": True}}]}
    given = rubric(controls=controls)
    keeping = Keeping(chat(message("a2", at=3)), given)
    keeping.follower.send(given, ReviewTarget("answer", "c1", "a2"))
    keeping.follower.send(given, ReviewTarget("answer", "nobody", "a2"))
    looked(keeping)
    seed(keeping, times=2)
    found = {item.target.message_id: item.reasons for item in keeping.store(given).added}
    assert found == {"a1": ("control",), "a2": ("sent",)}
    assert len(keeping.store(given).added) == 2
    assert rules_of(given).controls == {the_item(given)}


def test_nothing_is_sent_of_an_erased_conversation_or_before_anything_is_folded() -> None:
    given = rubric()
    keeping = Keeping(chat(event("EraseConversation", {"reason": "asked"}, at=5)), given)
    keeping.follower.send(given, ReviewTarget("answer", "c1", "a1"))
    looked(keeping)
    seed(keeping)
    keeping.reader.folded = -1
    seed(keeping)
    assert keeping.store(given).added == []


def test_what_is_sent_later_does_not_make_the_queue_anew() -> None:
    given = rubric()
    keeping = Keeping(chat(), given)
    looked(keeping)
    keeping.follower.send(given, ReviewTarget("answer", "c1", "a1"))
    assert not looked(keeping)
    seed(keeping)
    assert [item.reasons for item in keeping.store(given).added] == [("sent",)]
