"""The vocabulary of the transport and its position store: batches, positions, and partitions set aside."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from faust.types import TP


class FetchedBatch(NamedTuple):
    """Records of one partition, in order.

    Attributes:
        records: empty where the log holds only transaction markers and aborted records. Commit the position
            after them all the same: otherwise the lag never ends, and retention deletes what looks unread.
        first_offset: the position at which the batch starts: the end of the batch before it, or the store's.
        next_offset: the position after the batch. Positions are contiguous, but offsets are not: compaction
            and transaction markers leave gaps in a log.
        session: grows with every `acquire`; batches of an older session are stale.
        fetched_at: when the records came, in seconds of `time.monotonic`.
    """

    topic: str
    partition: int
    records: Sequence[Any]
    first_offset: int
    next_offset: int
    session: int
    fetched_at: float


class Stretch(NamedTuple):
    """The records of one partition from one fetch, with the consumer's positions before and after it.

    Attributes:
        session: the session of the last seek before the fetch.
    """

    session: int
    first_offset: int
    next_offset: int
    records: Sequence[Any]


class SetAside(NamedTuple):
    """Why a partition is not read. The other partitions are.

    Attributes:
        why: `deleted` if the log begins after the position: it has lost records that were never read.
            `cut` if it ends before the position. `refused` if the store does not want the partition.
        first: the next offset to read.
        end: the first offset that the log holds, or, if it was cut, the offset after its last record.
    """

    why: Literal["deleted", "cut", "refused"]
    first: int
    end: int


class PositionStore(Protocol):
    """Where the application keeps its positions, next to the results that belong to them.

    Each call has ANSWER_S seconds. If `acquire` takes longer, the app crashes, as Faust would go on without
    its streams. If `release` takes longer, it is cancelled, and the rebalance goes on.
    """

    async def acquire(self, partitions: Iterable[TP], session: int) -> Mapping[TP, int | None]:
        """Own these partitions from now on, and return where to read from; None is the log's start.

        Partitions that are left out are assigned to this consumer, but not read.

        Called in the app's event loop, after each assignment and before its first batch. The partitions
        include those that were held already, so all work of an older session must be finished or given up
        first.
        """

    async def release(self, partitions: Iterable[TP]) -> None:
        """Give up these partitions: others may get them. Called during a rebalance, so it must be quick."""


def set_aside(tp: TP, stored: Mapping[TP, int | None], earliest: int, latest: int) -> SetAside | None:
    """Why a partition cannot be read from the store's position; None if it can."""
    if tp not in stored:
        return SetAside("refused", 0, 0)
    position = stored[tp]
    if position is None or earliest <= position <= latest:
        return None
    if position < earliest:
        return SetAside("deleted", position, earliest)
    return SetAside("cut", position, latest)
