"""One batch as what Redis is sent: a call of `commit.lua`, or a transaction of plain commands around it.

Lua copies each value twice, and Redis keeps the copies until the script ends. So a field costs about twice
what it costs in a command of its own, and the transaction takes out of the script what needs no look at the
state. Both ways write the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from plaudit_schemas.service.redis import Argument
from plaudit_schemas.service.redis_transaction import Command

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.metrics.buckets import LONG_RETENTION_US, SHORT_RETENTION_US, Cells
from plaudit_stream_processors.state.fields import changed_fields
from plaudit_stream_processors.state.keys import PartitionKeys

_GARBAGE_MARGIN_MS: Final = 3_600_000
_IN_SCRIPT: Final = ("erased", "anew open", "anew ended")  # these must know which fields there are


class Leftovers(NamedTuple):
    """What a commit found that the next one may remove: a script can remove only what it is given.

    Attributes:
        conversations: ids of conversations that may have expired.
        buckets: names of buckets that may be gone.
    """

    conversations: Sequence[str] = ()
    buckets: Sequence[str] = ()


NO_LEFTOVERS: Final = Leftovers()


@dataclass(frozen=True, slots=True)
class Commit:
    """One prepared batch. After an error it may be sent again unchanged.

    Attributes:
        arrived_ms: the batch's latest record timestamp; 0 without records.
        conversations: the ids.
        changes: word, score and fields of each conversation, in the flat form that `commit.lua` takes.
        buckets: bucket name -> cells to add.
    """

    partition: int
    epoch: str
    first_offset: int
    next_offset: int
    arrived_ms: int
    conversations: list[str] = field(repr=False)
    changes: list[Argument] = field(repr=False)
    buckets: Mapping[str, Cells] = field(repr=False)

    def not_written(self, found: Leftovers) -> Leftovers:
        """Those leftovers that this batch does not write again."""
        written = set(self.conversations)
        return Leftovers(
            [each for each in found.conversations if each not in written],
            [each for each in found.buckets if each not in self.buckets],
        )


class Parts(NamedTuple):
    """A batch as a transaction: commands, then the script with the rest, then more commands."""

    fields: list[Command]
    rest: Commit
    sets: list[Command]


def conversation_changes(state: ConversationState) -> list[Argument]:
    """The arguments that `commit.lua` takes for one conversation, if those of the last call are committed."""
    fields = changed_fields(state)
    anew, state.anew = "anew " if state.anew else "", False
    was_open, state.listed_open = state.listed_open and not anew, state.is_open
    if state.is_open:
        return ["kept" if was_open else anew + "open", state.activity_ms, len(fields), *fields]
    ended = state.end["arrived_ms"] if state.end is not None else state.activity_ms
    word = "erased" if state.erased else "closed" if was_open else anew + "ended"
    return [word, ended, len(fields), *fields]


def script_call(
    names: PartitionKeys, batch: Commit, leftovers: Leftovers, settings: Sequence[Argument]
) -> tuple[list[str], list[Argument]]:
    """Keys and arguments of `commit.lua`.

    Args:
        leftovers: none that the batch writes.
        settings: retention, late guard, and 1 where Redis may hold no position.
    """
    keys = [
        *names[:4],
        *(names.conversation + key for key in batch.conversations),
        *(names.metrics + name for name in batch.buckets),
        *(names.conversation + key for key in leftovers.conversations),
        *(names.metrics + name for name in leftovers.buckets),
    ]
    arguments: list[Argument] = [
        batch.epoch, batch.first_offset, batch.next_offset, batch.arrived_ms, *settings,
        len(names.conversation), len(names.metrics), len(batch.conversations), len(batch.buckets),
        len(leftovers.conversations), len(leftovers.buckets), *batch.changes,
    ]  # fmt: skip
    for name, cells in batch.buckets.items():
        arguments += (bucket_ttl_ms(name), 2 * len(cells))
        for cell, amount in cells.items():
            arguments += (cell, amount)
    return keys, arguments


def parts_of(names: PartitionKeys, batch: Commit) -> Parts:
    """Take out of a batch what plain commands can write."""
    fields, ids, changes = list[Command](), list[str](), list[Argument]()
    opened, ended, left = list[Argument](), list[Argument](), list[Argument]()
    at, flat = 0, batch.changes
    for key in batch.conversations:
        word, score, following = flat[at], flat[at + 1], at + 3 + int(flat[at + 2])
        if word in _IN_SCRIPT:
            ids.append(key)
            changes += flat[at:following]
            at = following
            continue
        if word not in ("kept", "closed"):
            fields.append(("PERSIST", names.conversation + key))  # it must not expire before the script
        fields.append(("HSET", names.conversation + key, *flat[at + 3 : following]))
        at = following
        if word == "kept":
            opened += (score, key)
        elif word == "closed":
            ended += (score, key)
            left.append(key)
        else:
            ids.append(key)
            changes += (word, score, 0)
    # The script sees the sets as it does alone, so these come after it. They remove last.
    sets: list[Command] = [("ZADD", names.open, *opened)] if opened else []
    if ended:
        sets += [("ZADD", names.ended, *ended), ("ZREM", names.open, *left)]
    return Parts(fields, replace(batch, conversations=ids, changes=changes), sets)


def bucket_ttl_ms(name: str) -> int:
    """How long a bucket's hash is kept after its last change, in ms: its retention and an hour."""
    retention_us = SHORT_RETENTION_US if name.startswith("10s:") else LONG_RETENTION_US
    return retention_us // 1000 + _GARBAGE_MARGIN_MS
