"""The queue of one rubric version in Redis.

Three parties change it: the agent, which applies the log batch by batch; reviewers, who claim and answer;
and time, which ends leases. Each change is one script, so each sees the queue as the last one left it. What
the log says is the truth: what a reviewer did here counts at once, but only until the log has had time to
say it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

from plaudit_schemas.review.changes import Answers, NewItem, QueueChanges, QueueRules
from plaudit_schemas.review.claims import (
    ClaimedItem,
    ClaimRules,
    FoundItem,
    QueueProgress,
    ReviewedItem,
    ReviewerProgress,
    SubmitOutcome,
)
from plaudit_schemas.review.queue.errors import QueueGapError, QueueNotReadyError
from plaudit_schemas.review.queue.keys import indexed, item_of_member, queue_keys
from plaudit_schemas.review.queue.parts import ChangePart, answers_json, erasure_part, parts_of
from plaudit_schemas.review.queue.reading import (
    claimed_item,
    fields_of,
    found_item,
    queue_progress,
    reviewed_item,
)
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import Argument, RedisClient, Script, execute

_SCRIPTS: Final = "plaudit_schemas.review.queue"
_NAMES: Final = ("expect", "apply", "pick", "claim", "settle", "submit", "amend", "progress", "reviewer")
_AT_ONCE: Final = 500  # keys that are deleted or read in one call
Answer = list[Any]


class ReviewQueue:
    """The queue of one rubric version. Any number of processes may use it at the same time."""

    def __init__(
        self, client: RedisClient, prefix: str, name: QueueName, *, now_ms: Callable[[], int] | None = None
    ) -> None:
        """Connects on first use.

        Args:
            now_ms: for tests, the time in place of Redis' clock.
        """
        self.name = name
        self._client = client
        self._keys = queue_keys(prefix, name)
        self._now_ms = now_ms
        self._scripts = {each: Script(_SCRIPTS, each, shared="shared") for each in _NAMES}
        self._read, self._find = Script(_SCRIPTS, "read"), Script(_SCRIPTS, "find")

    # What the agent does.

    async def expect(self, ends: Mapping[int, int]) -> None:
        """Say up to where the log must be applied before anybody may claim: where it stands now.

        The first call counts until Redis is emptied or `apply` finds a gap. The agent calls it at each start,
        and where `stage` is "unknown".

        Args:
            ends: partition -> offset after its last record, all partitions of the topic of events.
        """
        pairs: list[Argument] = [part for partition, end in ends.items() for part in (str(partition), end)]
        await self._run("expect", [], pairs)

    async def stage(self) -> Literal["unknown", "building", "ready"]:
        """Whether it is known how far the log must be applied, and whether it has been."""
        ready, expected = await execute(self._client, "HMGET", self._keys.summary, "ready", "expected")
        return "ready" if ready else "building" if expected else "unknown"

    async def positions(self) -> dict[int, int]:
        """Partition -> next offset to apply; partitions of which nothing was applied are absent."""
        fields = fields_of(await self._flat("HGETALL", self._keys.positions))
        return {int(name): int(value) for name, value in fields.items() if name.isdigit()}

    async def apply(
        self, partition: int, first: int, following: int, changes: QueueChanges, rules: QueueRules
    ) -> None:
        """Apply a batch of the log: completely, or after an error not at all or in part; then apply it again.

        A batch that lies before the position changes nothing, and one that overlaps it changes no more than
        what is new.

        Args:
            first: offset at which the batch starts, at most the position (0 where the partition has none).
            following: offset after the batch.

        Raises:
            QueueGapError: it starts after the position.
            redis.exceptions.RedisError: it is unknown how much was applied.
        """
        parts = list(parts_of(changes, rules))
        where: tuple[Argument, ...] = (str(partition), first, following)
        for part in parts[:-1]:
            await self._apply(part, (*where, 0, rules.overlap))
        last = (*where, 1, rules.overlap)
        if changes.erased:
            await self._apply(parts[-1], (*where, 0, rules.overlap))
            await self._erase(changes.erased, last)
        else:
            await self._apply(parts[-1], last)

    async def add_rubric_items(self, items: Sequence[NewItem], rules: QueueRules) -> None:
        """Add items that follow from the rubric alone: topics and control items. Again is harmless."""
        for part in parts_of(QueueChanges(items=items), rules):
            await self._apply(part, ("", 0, 0, 0, rules.overlap))

    async def erase(self, conversation_id: str) -> None:
        """Take away all items of a conversation, and what is kept of it, at once."""
        await self._erase([conversation_id], ("", 0, 0, 0, ""))

    async def drop(self) -> None:
        """Delete the queue. Nobody should use it any more."""
        keys = self._keys
        await execute(self._client, "UNLINK", keys.summary)
        async for ids in self._pages(_AT_ONCE):
            await execute(self._client, "UNLINK", *(key for each in ids for key in keys.of_item(each)))
        for reviewer in await execute(self._client, "SMEMBERS", keys.people):
            await execute(self._client, "UNLINK", *keys.of_reviewer(reviewer.decode()))
        await execute(self._client, "UNLINK", *keys.shared)

    # What reviewers do. Each raises QueueNotReadyError while the queue is being built.

    async def next_item(self, reviewer: str, rules: ClaimRules) -> ClaimedItem | None:
        """Claim an item: one's own open one first, then started ones, then new ones in their order.

        At the share of control items one of these comes instead.

        Returns:
            None if there is nothing for this reviewer now.

        Raises:
            QueueNotReadyError: the queue is being built from the log.
        """
        while True:
            outcome, *found = await self._settled(
                "pick", self._keys.of_reviewer(reviewer), [reviewer, rules.control_share]
            )
            if outcome == b"none":
                return None
            if outcome == b"item":
                claimed = await self._claim(found[0].decode(), reviewer, rules, "next")
                if claimed is not None:
                    return claimed

    async def open_item(self, item: str, reviewer: str, rules: ClaimRules) -> ClaimedItem | None:
        """Claim this item, also one that the reviewer declined.

        Returns:
            None if it is gone, has no free slot, or has an answer of this reviewer.
        """
        return await self._claim(item, reviewer, rules, "named")

    async def renew(self, item: str, reviewer: str, rules: ClaimRules) -> int | None:
        """Keep an item longer. Returns for how long from now, in ms; None if the lease is lost."""
        claimed = await self._claim(item, reviewer, rules, "renew")
        return None if claimed is None else claimed.lease_ms

    async def release(self, item: str, reviewer: str) -> None:
        """Give a claimed item back."""
        await self._amend(item, reviewer, "release")

    async def submit(self, item: str, reviewer: str, submission: str, answers: Answers) -> SubmitOutcome:
        """Mark a slot as answered, before the answers go to the log. No lease is needed.

        The mark stands for a minute, after `acknowledge` for a day, or until the log says the same. Then the
        log's word counts: where it has none, the item is kept for the same reviewer again.

        Args:
            submission: made by the page for each set of answers; the same one again is `repeated`.

        Raises:
            QueueAnswersError: there are no answers, or they are not JSON.
            QueueNotReadyError: the queue is being built from the log.
        """
        keys = [self._keys.item + item, *self._keys.of_reviewer(reviewer)]
        (outcome,) = await self._settled("submit", keys, [item, reviewer, submission, answers_json(answers)])
        known: SubmitOutcome = outcome.decode()
        return known

    async def acknowledge(self, item: str, reviewer: str, submission: str = "") -> bool:
        """Say that the log has the answers, or after an undo without a submission, that they are withdrawn.

        Returns:
            False if the queue does not know of it, because Redis was emptied since: submit again.
        """
        return await self._amend(item, reviewer, "acknowledge", submission) is not None

    async def abandon(self, item: str, reviewer: str, submission: str) -> None:
        """Say that the answers will never be in the log. The item is kept for the same reviewer again."""
        await self._amend(item, reviewer, "abandon", submission)

    async def undo(self, item: str, reviewer: str, rules: ClaimRules) -> ClaimedItem | None:
        """Take a reviewer's answer back and claim the item again. Call it before the log gets the withdrawal.

        Returns:
            None if there is no answer.
        """
        found = await self._amend(item, reviewer, "undo", rules.lease_ms)
        return None if found is None else claimed_item(item, found)

    async def decline(self, item: str, reviewer: str, reason: str) -> None:
        """Note that a reviewer does not want to answer an item. It is never given to them again."""
        await self._amend(item, reviewer, "decline", reason)

    async def adjudicate(self, item: str, adjudicator: str, answers: Answers) -> None:
        """Note how an item was settled, as the log will say it."""
        await self._amend(item, adjudicator, "adjudicate", answers_json(answers))

    # What anybody may read, also while the queue is being built.

    async def find(self, item: str) -> FoundItem | None:
        """An item as it stands; None if there is none."""
        flat, context = await self._find(self._client, self._keys.of_item(item), [])
        return found_item(item, fields_of(flat), context) if flat and context is not None else None

    async def progress(self) -> QueueProgress:
        """How far the queue is."""
        _, flat = await self._settled("progress", [], [])
        return queue_progress(fields_of(flat))

    async def reviewer_progress(self, reviewer: str) -> ReviewerProgress:
        """How far a reviewer is."""
        keys = self._keys.of_reviewer(reviewer)
        _, answered, declined, recent, flat = await self._settled("reviewer", keys, [])
        record = fields_of(flat)
        return ReviewerProgress(
            answered,
            declined,
            sum(name.startswith("held:") for name in record),
            int(record.get("random_offered", 0)),
            int(record.get("random_answered", 0)),
            await self._first_that_exists(recent),
        )

    async def items(self, *, chunk: int = _AT_ONCE) -> AsyncIterator[ReviewedItem]:
        """Every item, `chunk` of them in one call, control items and answers that the log lacks yet too.

        What changes meanwhile may be seen as it was before or as it is after.
        """
        async for ids in self._pages(chunk):
            found = await self._read(self._client, [self._keys.item + each for each in ids], [])
            for each, flat in zip(ids, found, strict=True):
                if flat:
                    yield reviewed_item(each, fields_of(flat))

    # How it is done.

    async def _pages(self, chunk: int) -> AsyncIterator[list[str]]:
        after = "-"
        while members := await self._flat("ZRANGEBYLEX", self._keys.members, after, "+", "LIMIT", 0, chunk):
            yield [item_of_member(member) for member in members]
            after = "(" + members[-1].decode()

    async def _first_that_exists(self, items: Sequence[bytes]) -> str | None:
        for item in items:
            if await execute(self._client, "EXISTS", self._keys.item + item.decode()):
                return item.decode()
        return None

    async def _flat(self, *command: Argument) -> list[bytes]:
        """A command's answer as a flat list. Clients differ: some make a dict of a hash."""
        answer: dict[bytes, bytes] | list[bytes] = await execute(self._client, *command)
        return [part for pair in answer.items() for part in pair] if isinstance(answer, dict) else answer

    async def _apply(self, part: ChangePart, where: tuple[Argument, ...]) -> bytes:
        keys = [
            *(key for each in part.ids for key in self._keys.of_item(each)),
            *(key for each in part.reviewers for key in self._keys.of_reviewer(each)),
        ]
        outcome: bytes
        (outcome,) = await self._run("apply", keys, [*where, part.document(), *part.contexts])
        if outcome == b"gap":
            rubric, version, (partition, first, *_) = self.name.rubric, self.name.version, where
            raise QueueGapError(
                f"the queue {rubric}@{version} has lost what was applied of partition {partition!s} before "
                f"offset {first!s}; start again at its positions"
            )
        return outcome

    async def _erase(self, conversations: Sequence[str], where: tuple[Argument, ...]) -> None:
        outcome = b"again"
        while outcome == b"again":
            ids: list[str] = []
            for each in conversations:
                begin = indexed(each)
                members = await self._flat("ZRANGEBYLEX", self._keys.members, f"[{begin}", f"({begin}~")
                ids += (item_of_member(member) for member in members)
            outcome = await self._apply(erasure_part(conversations, ids), where)

    async def _claim(self, item: str, reviewer: str, rules: ClaimRules, how: str) -> ClaimedItem | None:
        keys = [*self._keys.of_item(item), *self._keys.of_reviewer(reviewer)]
        outcome, *found = await self._settled("claim", keys, [item, reviewer, rules.lease_ms, how])
        return claimed_item(item, found) if outcome == b"ok" else None

    async def _amend(self, item: str, reviewer: str, what: str, given: Argument = "") -> Answer | None:
        keys = [*self._keys.of_item(item), *self._keys.of_reviewer(reviewer)]
        outcome, *found = await self._settled("amend", keys, [item, reviewer, what, given])
        return found if outcome == b"ok" else None

    async def _settled(self, script: str, keys: list[str], arguments: list[Argument]) -> Answer:
        """Run a script. What is overdue is settled first, which needs keys that only the first run tells."""
        while True:
            answer: Answer = await self._run(script, keys, arguments)
            if answer[0] == b"unready":
                rubric, version = self.name.rubric, self.name.version
                raise QueueNotReadyError(
                    f"the queue {rubric}@{version} is being built from the log; try again in a moment"
                )
            if answer[0] != b"overdue":
                return answer
            await self._settle([member.decode().partition("\0") for member in answer[1]])

    async def _settle(self, members: list[tuple[str, str, str]]) -> None:
        keys = [
            key for item, _, who in members for key in (self._keys.item + item, *self._keys.of_reviewer(who))
        ]
        await self._run("settle", keys, [part for item, _, who in members for part in (item, who)])

    def _run(self, script: str, keys: list[str], arguments: list[Argument]) -> Awaitable[Any]:
        now = "" if self._now_ms is None else str(self._now_ms())
        return self._scripts[script](self._client, [*self._keys.shared, *keys], [now, *arguments])
