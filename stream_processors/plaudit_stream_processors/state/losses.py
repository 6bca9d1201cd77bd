"""Ranges of events that Kafka deleted before they were read, and that somebody has given up on purpose."""

import json
from typing import NamedTuple

from plaudit_schemas.service.redis import RedisClient, Script, execute

from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import StateError


class LossRefusedError(StateError):
    """The range is not the one that is lost; nothing was changed."""


class AcceptedLoss(NamedTuple):
    """A range of events that is given up.

    Attributes:
        first, end: the offsets from `first` up to but without `end`.
        accepted_at: ISO 8601.
    """

    partition: int
    first: int
    end: int
    accepted_at: str

    def __str__(self) -> str:
        return (
            f"Kafka deleted offsets {self.first} to {self.end - 1} before they were folded; they were given "
            f"up at {self.accepted_at}"
        )


async def accept_loss(client: RedisClient, prefix: str, loss: AcceptedLoss) -> None:
    """Move a partition's position past a lost range and record the range, both or neither.

    Raises:
        LossRefusedError: the range does not begin at the position.
        redis.exceptions.RedisError: it is unknown whether it was done; try again.
    """
    keys = partition_keys(prefix, loss.partition)
    script = Script("plaudit_stream_processors.state", "accept_loss")
    entry = json.dumps(loss._asdict())
    answer = await script(client, [keys.position, keys.losses], [loss.first, loss.end, entry])
    if answer != b"ok":
        position = answer.decode()
        raise LossRefusedError(
            f"partition {loss.partition} is folded up to offset {position or 'none'}, not {loss.first}; "
            "`plaudit state show` lists what is lost"
        )


async def accepted_losses(client: RedisClient, prefix: str, partition: int) -> list[AcceptedLoss]:
    """The ranges of a partition that were given up, in order of the decisions."""
    entries = await execute(client, "LRANGE", partition_keys(prefix, partition).losses, 0, -1)
    return [AcceptedLoss(**json.loads(entry)) for entry in entries]
