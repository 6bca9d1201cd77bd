"""Compares the queues of active rubrics with what the log makes of them, partition by partition."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.errors import ReviewSaltError, TopicError
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.salts import salt_for
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import RedisClient
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.audit.expected_queue import ExpectedQueue, judged_in, queue_differences
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.report import Difference, Report

ACCOUNT: Final = "review queues"
_LOOKS: Final = 5  # at a queue that moves on while it is read


class AuditedRubric(NamedTuple):
    """An active rubric; the salt is None if it has no random share."""

    rubric: Rubric
    salt: bytes | None

    @property
    def name(self) -> str:
        return f"{self.rubric.name}@{self.rubric.version}"


def audited_rubrics(
    connection: ConnectionSettings, settings: ReviewSettings, report: Report
) -> list[AuditedRubric]:
    """The active rubrics whose salt is known; the report tells of the others.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """
    found = []
    try:
        with RubricRegistry(connection) as registry:
            active = list(registry.book().active.values())
    except TopicError as error:
        report.unchecked.append(f"review queues: {error}")
        return []
    for published in active:
        try:
            found.append(AuditedRubric(published.rubric, salt_for(settings, published)))
        except ReviewSaltError as error:
            report.unchecked.append(f"review queues: {error}")
    return found


class PartitionQueues:
    """The queues' part of one partition."""

    def __init__(self, client: RedisClient, prefix: str, ledger: Ledger, count: int) -> None:
        """`count` is the number of partitions that keys are spread over."""
        self._client, self._prefix, self._ledger, self._count = client, prefix, ledger, count
        self._expected: list[tuple[str, ExpectedQueue]] = []

    def watch(self, rubrics: Iterable[AuditedRubric]) -> None:
        """Take part in the ledger's fold from now on. Call it before the first record is folded."""
        for each in rubrics:
            expected = ExpectedQueue(each.rubric, each.salt)
            self._ledger.observers.append(expected.observe)
            self._expected.append((each.name, expected))

    async def compare(self, fold_until: Callable[[int], Awaitable[None]], report: Report) -> None:
        """Compare each queue with the log up to the queue's own position.

        Args:
            fold_until: folds the ledger further, up to an offset.

        Raises:
            redis.exceptions.RedisError: Redis did not answer.
        """
        for name, expected in self._expected:
            await self._compare(name, expected, fold_until, report)

    async def _compare(
        self,
        name: str,
        expected: ExpectedQueue,
        fold_until: Callable[[int], Awaitable[None]],
        report: Report,
    ) -> None:
        partition, rubric = self._ledger.partition, expected.rubric
        queue = ReviewQueue(
            self._client, self._prefix, QueueName(rubric.application, rubric.name, rubric.version)
        )
        for _ in range(_LOOKS):
            position = (await queue.positions()).get(partition, 0)
            await fold_until(position)
            if position < self._ledger.position:
                waiting = self._ledger.position - position
                report.pending.append(
                    f"partition {partition}: {waiting} events are not in the queue of {name}"
                )
                return
            items = {each.id: each async for each in queue.items() if self._is_here(rubric, each)}
            if (await queue.positions()).get(partition, 0) == position:
                self._report(name, expected, items, report)
                return
        report.pending.append(f"partition {partition}: the queue of {name} moved on while it was read")

    def _report(
        self, name: str, expected: ExpectedQueue, items: dict[str, ReviewedItem], report: Report
    ) -> None:
        ledger = self._ledger
        unsure = [key.decode().partition("/")[2] for key in ledger.unknown if key is not None]
        if ledger.first:  # the log may have lost all of a conversation
            application = expected.rubric.application
            named = {each.target.conversation_id for each in items.values()}
            unsure += [one for one in named if conversation_key(application, one) not in ledger.states]
        last = max(ledger.first, ledger.position - 1)
        report.add(
            Difference(ACCOUNT, ledger.partition, ledger.first, last, f"{name}: {what}")
            for what in queue_differences(expected, items, unsure)
        )
        here = [each for each in items.values() if each.target.conversation_id not in ("", *unsure)]
        ahead = len(judged_in(here) - expected.judged())
        if ahead:
            report.pending.append(
                f"partition {ledger.partition}: {ahead} verdicts of {name} were given and are not in the log"
            )

    def _is_here(self, rubric: Rubric, item: ReviewedItem) -> bool:
        conversation = item.target.conversation_id
        key = conversation_key(rubric.application, conversation)
        return not conversation or partition_of(key, self._count) == self._ledger.partition
