"""Review queues under test: the processes that keep them, what is in them, and what must be."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.review.answers import ItemAddress, Said, bodies_of
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.publications import PublishedRubric
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import ADJUDICATION, QueueName, ReviewTarget, item_id
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings import load

from harness.waiting import eventually
from tests.support.followers import FollowerProcesses

SALT: Final = "a salt that is only for tests"
APPLICATION: Final = "bench"


def rubric(**fields: Any) -> Rubric:
    """A rubric for the answers of generated chats, with a thumb and a label."""
    given = {
        "name": "quality",
        "version": "1",
        "application": APPLICATION,
        "title": "Quality",
        "target": "answer",
        "overlap": 2,
        "questions": [
            {"name": "helpful", "kind": "thumb", "title": "Is it helpful?"},
            {"name": "tone", "kind": "label", "labels": ["warm", "cold"], "title": "Its tone?"},
        ],
        "select": {"random": 0.3},
        **fields,
    }
    return Rubric.model_validate(given)


@dataclass
class ReviewQueues(FollowerProcesses):
    """Processes that keep the review queues of a line."""

    command: str = "review-queue"

    def usual(self) -> dict[str, str]:
        """The settings that all have."""
        return {**super().usual(), "review_salt": SALT}

    def publish(self, given: Rubric) -> PublishedRubric:
        """Publish a rubric."""
        settings = load(ReviewSettings, environ={"PLAUDIT_REVIEW_SALT": SALT})
        with RubricRegistry(self.line.connection) as registry:
            return registry.publish(given, settings)

    def send(self, given: Rubric, target: ReviewTarget) -> None:
        """Send a target to the queue of a rubric."""
        with RubricRegistry(self.line.connection) as registry:
            registry.send(given.application, given.name, target)

    def wait_current(self, given: Rubric) -> None:
        """Wait until a queue has taken every record of the log."""
        ends = self.line.ends()

        def is_current() -> bool:
            positions: dict[int, int] = self.ask(given, "positions")
            return all(positions.get(partition, 0) >= end for partition, end in ends.items())

        try:
            eventually(is_current, "the queue has all of the log", 120)
        except BaseException:
            print(self.logs(), self.line.logs())
            raise

    def items(self, given: Rubric) -> dict[str, ReviewedItem]:
        """The items of a queue, by id."""
        return {item.id: item for item in self.ask(given, "items")}

    def ask(self, given: Rubric, what: str, *arguments: Any) -> Any:
        """Call a method of a queue's store."""

        async def call() -> Any:
            client = connect(self.line.redis)
            name = QueueName(given.application, given.name, given.version)
            found = getattr(ReviewQueue(client, self.line.connection.redis_prefix, name), what)(*arguments)
            result = [each async for each in found] if hasattr(found, "__aiter__") else await found
            await client.aclose()
            return result

        return asyncio.run(call())

    def answer(
        self, given: Rubric, targets: Iterable[ReviewTarget], reviewer: str, answers: Answers, **said: Any
    ) -> None:
        """Send the events of a reviewer's answers to items."""
        encoder = Encoder("conversation_event")
        records = []
        for target in targets:
            address = ItemAddress(item_id(given.application, given.name, target), target)
            for each in bodies_of(given, address, answers, Said(reviewer, f"s-{target}", **said)):
                event = {
                    "event_id": each.event_id,
                    "application": given.application,
                    "conversation_id": each.conversation_id,
                    "occurred_at": time.time_ns() // 1000,
                    "source": "review",
                    "body": each.body,
                }
                records.append(
                    (conversation_key(given.application, each.conversation_id), encoder.encode(event))
                )
        self.line.send(records)


def words_in_log(queues: ReviewQueues, given: Rubric) -> dict[tuple[str, str], dict[str, Any]]:
    """Item and reviewer -> the answers that the log says last, by question; adjudications left out."""
    decoder = Decoder("conversation_event")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in queues.line.log():
        assert record.value is not None
        name, body = decoder.decode(record.value)["body"]
        if not name.endswith("UpdateMessage") or body["feedback"]["rater"]["kind"] != "reviewer":
            continue
        feedback = body["feedback"]
        if (feedback["rubric"], feedback["rubric_version"]) != (given.name, given.version):
            continue
        if feedback["item_id"].startswith(ADJUDICATION):
            continue
        value = next(iter(feedback["value"][1].values()))
        place = feedback["item_id"], feedback["rater"]["id"]
        answer = value[0] if isinstance(value, list) else value
        found.setdefault(place, {})[feedback["aspect"]] = answer
    return found


def words_in_queue(items: dict[str, ReviewedItem]) -> dict[tuple[str, str], dict[str, Any]]:
    """Item and reviewer -> answers, those in a slot and the surplus."""
    return {
        (item.id, reviewer): dict(answers)
        for item in items.values()
        for reviewer, answers in {**item.verdicts, **item.surplus}.items()
    }
