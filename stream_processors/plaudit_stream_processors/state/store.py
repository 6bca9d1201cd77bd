"""The state of conversations in Redis: one atomic commit for each batch of a partition.

The offset kept here is the authority, not the consumer group's. Each owner of a partition has an epoch. A
commit is refused unless it carries the newest epoch and starts where the last commit ended. So a crash
repeats work without doubling an effect, and a paused worker that wakes up writes nothing.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.errors import NotFoundError, PlauditError
from plaudit_schemas.service.redis import Argument, RedisClient, Script, execute
from plaudit_schemas.service.redis_transaction import transact
from redis.exceptions import ResponseError

from plaudit_stream_processors.fold import CURRENT_VERSION, ConversationState, RulesHistory
from plaudit_stream_processors.state.commit import NO_LEFTOVERS, Commit, Leftovers, parts_of, script_call
from plaudit_stream_processors.state.hashes import HashReader
from plaudit_stream_processors.state.keys import PartitionKeys, partition_keys
from plaudit_stream_processors.state.parts import PartOwner

_LOAD_AT_ONCE: Final = 256  # conversations in one script call
_SCRIPTS: Final = "plaudit_stream_processors.state"


class StateError(PlauditError):
    """The state store and this worker do not agree."""


class FencedError(StateError):
    """Another worker owns the partition now; nothing was written."""


class StateLostError(StateError):
    """Redis lost its data, or part of it; the worker must start again and replay the log."""


class NewerRulesError(StateError):
    """A worker with newer rules has folded the partition; an older one must not go on with it."""


class Ownership(NamedTuple):
    """What a new owner gets: the epoch to commit with, and the next offset; None is the log's start.

    Attributes:
        history: which version of the fold's rules folded from which offset on, the new owner's included.
    """

    epoch: str
    next_offset: int | None
    history: RulesHistory = RulesHistory()


class Holding(NamedTuple):
    """A partition as its owner knows it: the owner's epoch, and the offset up to which it has committed."""

    epoch: str
    committed: int | None


class ConversationStore:
    """Live state in Redis, for the worker that writes it and for programs that read it.

    Attributes:
        transact_from: batches of so many conversations are committed by a transaction: it costs Redis half as
            much as the script alone, but a round trip more.
    """

    transact_from: int = 32

    def __init__(
        self,
        client: RedisClient,
        *,
        prefix: str = "",
        state_retention_ms: int,
        late_guard_ms: int = 0,
    ) -> None:
        """Connects on first use.

        Args:
            late_guard_ms: how long an expired conversation still refuses events; 0 is forever. It must be at
                least as long as the log may hold one of its events, so that a replay gives the same state.
        """
        self.client = client
        self.prefix = prefix
        self._retention_ms = state_retention_ms
        self.late_guard_ms = late_guard_ms
        self._acquire, self._load = Script(_SCRIPTS, "acquire"), Script(_SCRIPTS, "load", shared="hashes")
        self._hashes = HashReader(client, at_once=_LOAD_AT_ONCE)
        self._commit = Script(_SCRIPTS, "commit")

    async def acquire_partition(self, partition: int, owner: str) -> Ownership:
        """Take ownership of a partition with a new epoch, which fences all earlier owners.

        Raises:
            NewerRulesError: a worker with newer rules has folded it.
        """
        arguments: list[Argument] = [owner, CURRENT_VERSION]
        outcome, *found = await self._acquire(
            self.client, [partition_keys(self.prefix, partition).position], arguments
        )
        if outcome == b"newer":
            raise NewerRulesError(
                f"partition {partition} was folded by newer rules ({found[0].decode()}) than this worker's "
                f"({CURRENT_VERSION}); upgrade this worker"
            )
        epoch, following, rules = found
        history = RulesHistory.parse(rules.decode())
        return Ownership(epoch.decode(), int(following) if following != b"" else None, history)

    async def rules_history(self, partition: int) -> RulesHistory:
        """Which version of the fold's rules folded a partition from which offset on."""
        key = partition_keys(self.prefix, partition).position
        rules, following = await execute(self.client, "HMGET", key, "rules", "next")
        if rules is not None:
            return RulesHistory.parse(rules.decode())
        return RulesHistory() if following is None else RulesHistory(((1, 0),))

    async def load_conversations(
        self, partition: int, keys: Sequence[str], holding: Holding | None = None
    ) -> dict[str, ConversationState]:
        """The conversations of these keys that exist, _LOAD_AT_ONCE or some MiB in a round trip.

        An owner passes its `holding`. The read fails where Redis has lost events that it committed, or where
        another owner may have added some: such a state could finish conversations that no replay finishes.

        Raises:
            FencedError: another worker owns the partition.
            StateLostError: Redis has lost what this owner committed.
        """
        names = partition_keys(self.prefix, partition)
        owner: list[Argument] = [] if holding is None else [holding.epoch, holding.committed or 0]
        # A reader of one conversation gives one key: a cluster serves that even while the slot moves.
        position = [] if holding is None else [names.position]
        committed = holding.committed if holding else None

        def check(outcome: str) -> None:
            _raise_for(outcome, partition, committed)

        async def load(chunk: Sequence[str]) -> list[Any]:
            outcome, *hashes = await self._load(
                self.client, [*(names.conversation + key for key in chunk), *position], owner
            )
            check(outcome.decode())
            return list(hashes)

        part_owner = PartOwner(names.position, owner, check) if holding else None
        return await self._hashes.read(keys, names.conversation, load, part_owner)

    async def check_held(self, partition: int, holding: Holding) -> None:
        """Look whether Redis still has what an owner committed.

        Raises:
            FencedError: another worker owns the partition.
            StateLostError: Redis has lost it.
        """
        position = partition_keys(self.prefix, partition).position
        (outcome,) = await self._load(self.client, [position], [holding.epoch, holding.committed or 0])
        _raise_for(outcome.decode(), partition, holding.committed)

    async def commit_batch(
        self, batch: Commit, committed: int | None, leftovers: Leftovers = NO_LEFTOVERS
    ) -> Leftovers:
        """Write a batch completely or not at all. Writing the same batch again is harmless.

        Args:
            committed: the offset up to which the owner has committed; None where it found no position and
                has committed nothing yet.
            leftovers: what the owner's last commit returned.

        Raises:
            FencedError: another worker owns the partition.
            StateLostError: Redis has no position, or the batch does not begin at it.
            StateError: a part was not written, as somebody else uses our keys.
            redis.exceptions.RedisError: it is unknown whether the batch was written; send it again.
        """
        names, leftovers = partition_keys(self.prefix, batch.partition), batch.not_written(leftovers)
        settings = self._retention_ms, self.late_guard_ms, int(committed is None)
        found = None
        if committed is not None and len(batch.conversations) >= self.transact_from:
            found = await self._transact(names, batch, leftovers, settings)
        if found is None:  # it fell to the script to tell why, and to write what may be written
            keys, arguments = script_call(names, batch, leftovers, settings)
            found = await self._commit(self.client, keys, arguments)
        outcome, *found = found
        _raise_for(outcome.decode(), batch.partition, batch.first_offset)
        return Leftovers(*([name.decode() for name in listed] for listed in found))

    async def _transact(
        self, names: PartitionKeys, batch: Commit, leftovers: Leftovers, settings: Sequence[Argument]
    ) -> list[Any] | None:
        """What the script answered within a transaction; None where the script must be called alone."""
        parts = parts_of(names, batch)
        keys, arguments = script_call(names, parts.rest, leftovers, settings)
        # With its text: a server that lacks the script would run all commands but this one.
        script = ("EVAL", self._commit.source, len(keys), *keys, *arguments)
        commands = [*parts.fields, script, *parts.sets]
        look, expected = ("HMGET", names.position, "epoch", "next"), [batch.epoch, str(batch.first_offset)]
        encoded = [each.encode() for each in expected]
        answers = await transact(self.client, names.position, look, encoded, commands)
        if answers is None:
            return None
        told: Any = answers[len(parts.fields)]
        if isinstance(told, ResponseError):
            raise told  # the position is where it was, so the batch is sent again
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise StateError(
                    f"Redis refused a part of what was committed up to offset {batch.next_offset} of "
                    f"partition {batch.partition} ({answer}); run `plaudit audit`"
                )
        return told  # type: ignore[no-any-return]  # the script's

    async def get_conversation(
        self, application: str, conversation_id: str, partition: int
    ) -> ConversationState:
        """One conversation as it is now.

        Raises:
            NotFoundError: it does not exist, or it has expired.
        """
        key = f"{application}/{conversation_id}"
        found = await self.load_conversations(partition, [key])
        if key not in found or found[key].is_expired():
            raise NotFoundError(
                f"no conversation {conversation_id!r} of {application!r}; it may have expired"
            )
        return found[key]

    async def idle_conversations(
        self, partition: int, before_ms: int, limit: int, skip: int = 0
    ) -> list[tuple[str, int]]:
        """Open conversations without activity since `before_ms`: key and last activity (ms), oldest first.

        Args:
            skip: leave out so many of the oldest.
        """
        key = partition_keys(self.prefix, partition).open
        flat = await execute(
            self.client, "ZRANGEBYSCORE", key, "-inf", f"({before_ms}", "WITHSCORES", "LIMIT", skip, limit
        )
        # Clients differ: some return a flat list, others pairs.
        pairs = (
            zip(flat[::2], flat[1::2], strict=True)
            if flat and not isinstance(flat[0], (list, tuple))
            else flat
        )
        return [(key.decode(), int(float(score))) for key, score in pairs]

    async def reached_ms(self, partition: int) -> int:
        """The latest record timestamp that is folded, in ms; 0 before the first one."""
        key = partition_keys(self.prefix, partition).position
        return int(await execute(self.client, "HGET", key, "arrived_ms") or 0)

    async def open_count(self, partition: int) -> int:
        """The number of open conversations of a partition."""
        return int(await execute(self.client, "ZCARD", partition_keys(self.prefix, partition).open))


def _raise_for(outcome: str, partition: int, offset: int | None) -> None:
    if outcome == "fenced":
        raise FencedError(f"another worker owns partition {partition} now")
    if outcome in ("lost", "gap"):
        raise StateLostError(
            f"Redis has lost what was committed up to offset {offset or 0} of partition {partition}; start "
            "the worker again to replay the log from the position that Redis has"
        )
