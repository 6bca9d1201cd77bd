"""The state of conversations in Redis: one atomic commit for each batch of a partition.

The offset kept here is the authority, not the consumer group's. Each owner of a partition has an
epoch, and a commit is refused unless it carries the newest one and starts where the last one ended:
so a crash repeats work without doubling an effect, and a paused worker that wakes up writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from plaudit_schemas.errors import NotFoundError, PlauditError

from plaudit_stream_processors.fold import Conversation
from plaudit_stream_processors.metrics.buckets import LONG_RETENTION_US, SHORT_RETENTION_US, Cells
from plaudit_stream_processors.state.client import Argument, Client, Script, execute
from plaudit_stream_processors.state.fields import changed_fields, conversation_of
from plaudit_stream_processors.state.keys import labels_key, partition_keys, partitions_key

LOAD_AT_ONCE = 256
_GARBAGE_MARGIN_MS = 3_600_000

Outcome = Literal["ok", "fenced", "lost", "gap"]


class StateError(PlauditError):
    """The state store and this worker do not agree."""


class FencedError(StateError):
    """Another worker owns the partition now; nothing was written."""


class StateLostError(StateError):
    """Redis lost its data, or part of it; the worker must start again and replay the log."""


class PartitionCountError(StateError):
    """The topic has another number of partitions than when the state was begun."""


class Ownership(NamedTuple):
    """What `acquire` gives: the epoch to commit with, and the next offset (None: nothing yet)."""

    epoch: int
    next_offset: int | None


class Holding(NamedTuple):
    """A partition as its owner knows it: its epoch, and the offset up to which it committed."""

    epoch: int
    committed: int | None


@dataclass(frozen=True, slots=True)
class Commit:
    """One prepared batch; may be sent again as it is after an error.

    Attributes:
        conversations: id, state, score, fields as `commit.lua` takes them, already flat.
        count: how many conversations are in there.
    """

    partition: int
    epoch: int
    first_offset: int
    next_offset: int
    arrived_ms: int
    conversations: list[Argument] = field(repr=False)
    count: int
    buckets: Mapping[str, Cells] = field(repr=False)


class ConversationStore:
    """Live state in Redis, for the worker that writes and for programs that read."""

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "",
        state_retention_ms: int,
        late_guard_ms: int = 0,
    ) -> None:
        """`late_guard_ms`: how long an expired conversation still refuses events: for as long as the log may
        hold one of its own, so that the state is what a replay makes; 0 is for ever.
        """
        self.client = client
        self.prefix = prefix
        self._retention_ms = state_retention_ms
        self._late_guard_ms = late_guard_ms
        self._acquire, self._load = Script("acquire"), Script("load")
        self._commit, self._admit = Script("commit"), Script("admit")

    async def acquire(self, partition: int, owner: str) -> Ownership:
        """Own a partition with a new epoch."""
        epoch, following = await self._acquire(
            self.client, [partition_keys(self.prefix, partition).position], [owner]
        )
        return Ownership(int(epoch), int(following) if following != b"" else None)

    async def load(
        self, partition: int, keys: Sequence[str], holding: Holding | None = None
    ) -> dict[str, Conversation]:
        """The conversations of these keys that exist, in one round trip for each LOAD_AT_ONCE of them.

        An owner says what it holds: a state that lost events, or has ones that the owner has not folded
        yet, would make finished conversations that no replay of the log makes.

        Raises:
            FencedError: another worker owns the partition.
            StateLostError: Redis has lost what this owner committed.
        """
        names = partition_keys(self.prefix, partition)
        owner = [] if holding is None else [holding.epoch, holding.committed or 0]
        found: dict[str, Conversation] = {}
        for start in range(0, len(keys), LOAD_AT_ONCE):
            chunk = keys[start : start + LOAD_AT_ONCE]
            outcome, *hashes = await self._load(
                self.client, [names.position, *(names.conversation + key for key in chunk)], owner
            )
            _raise_for(outcome.decode(), partition, holding.committed if holding else None)
            for key, flat in zip(chunk, hashes, strict=True):
                if flat:
                    found[key] = conversation_of(key, dict(zip(flat[::2], flat[1::2], strict=True)))
        return found

    async def commit(self, batch: Commit, committed: int | None) -> None:
        """Write a batch, all of it or nothing; the same batch again is harmless.

        Args:
            committed: up to where the owner knows Redis to be; None: there was no position, and it has
                committed nothing yet.

        Raises:
            FencedError: another worker owns the partition.
            StateLostError: Redis holds no position, or one that the batch does not follow.
            redis.exceptions.RedisError: nobody knows whether it was written; send it again.
        """
        keys = partition_keys(self.prefix, batch.partition)
        arguments: list[Argument] = [
            batch.epoch, batch.first_offset, batch.next_offset, batch.arrived_ms,
            self._retention_ms, self._late_guard_ms, keys.conversation, keys.metrics,
            int(committed is None), batch.count, *batch.conversations, len(batch.buckets),
        ]  # fmt: skip
        for name, cells in batch.buckets.items():
            arguments += (name, bucket_ttl_ms(name), 2 * len(cells))
            for cell, amount in cells.items():
                arguments += (cell, amount)
        outcome = await self._commit(self.client, list(keys[:4]), arguments)
        _raise_for(outcome.decode(), batch.partition, batch.first_offset)

    async def get(self, application: str, conversation_id: str, partition: int) -> Conversation:
        """One conversation as it stands.

        Raises:
            NotFoundError: there is none.
        """
        key = f"{application}/{conversation_id}"
        found = await self.load(partition, [key])
        if key not in found or found[key].is_rest():
            raise NotFoundError(
                f"no conversation {conversation_id!r} of {application!r}; it may have expired"
            )
        return found[key]

    async def idle(self, partition: int, before_ms: int, limit: int) -> list[tuple[str, int]]:
        """Open conversations without activity since `before_ms`: key and last activity, oldest first."""
        key = partition_keys(self.prefix, partition).open
        flat = await execute(
            self.client, "ZRANGEBYSCORE", key, "-inf", f"({before_ms}", "WITHSCORES", "LIMIT", 0, limit
        )
        pairs = (
            zip(flat[::2], flat[1::2], strict=True)
            if flat and not isinstance(flat[0], (list, tuple))
            else flat
        )
        return [(key.decode(), int(float(score))) for key, score in pairs]

    async def reached_ms(self, partition: int) -> int:
        """The latest record timestamp that is folded; 0 where none is."""
        key = partition_keys(self.prefix, partition).position
        return int(await execute(self.client, "HGET", key, "arrived_ms") or 0)

    async def open_count(self, partition: int) -> int:
        """How many conversations of a partition are open."""
        return int(await execute(self.client, "ZCARD", partition_keys(self.prefix, partition).open))

    async def record_partitions(self, topic: str, count: int) -> None:
        """Record the topic's number of partitions at the first start, and compare it later.

        Raises:
            PartitionCountError: it is another one now, so keys would look for their state elsewhere.
        """
        key = partitions_key(self.prefix)
        await execute(self.client, "HSETNX", key, topic, count)
        recorded = int(await execute(self.client, "HGET", key, topic))
        if recorded != count:
            raise PartitionCountError(
                f"{topic} has {count} partitions, but the state in Redis was begun with {recorded}; "
                "use a topic with as many, or an empty Redis (or PLAUDIT_REDIS_PREFIX) to rebuild the state"
            )

    async def admit(self, kind: str, labels: Sequence[str], limit: int) -> list[bool]:
        """Whether each label may have a series of its own; the set is one for all partitions."""
        answers = await self._admit(self.client, [labels_key(self.prefix, kind)], [limit, *labels])
        return [bool(answer) for answer in answers]


def conversation_arguments(state: Conversation) -> list[Argument]:
    """What `commit.lua` takes for one conversation."""
    fields = changed_fields(state)
    if state.is_open:
        return [state.key, "open", state.activity_ms, len(fields), *fields]
    ended = state.end["arrived_ms"] if state.end is not None else state.activity_ms
    return [state.key, "erased" if state.erased else "ended", ended, len(fields), *fields]


def bucket_ttl_ms(name: str) -> int:
    """How long a bucket's hash is kept after its last change: its retention and an hour."""
    retention_us = SHORT_RETENTION_US if name.startswith("10s:") else LONG_RETENTION_US
    return retention_us // 1000 + _GARBAGE_MARGIN_MS


def _raise_for(outcome: str, partition: int, offset: int | None) -> None:
    if outcome == "fenced":
        raise FencedError(f"another worker owns partition {partition} now")
    if outcome in ("lost", "gap"):
        raise StateLostError(
            f"Redis does not stand at offset {offset or 0} of partition {partition}; "
            "start again to replay the log from the position that it has"
        )
