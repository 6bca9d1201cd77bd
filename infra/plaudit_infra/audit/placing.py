"""Finds events in partitions that their keys do not belong to, and whether they were sent again. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from plaudit_infra.audit.ledger import Ledger, Misplaced
from plaudit_infra.audit.report import Difference

ACCOUNT: Final = "wrong partition"


class _Waiting(NamedTuple):
    partition: int
    event: Misplaced


class Placing:
    """Collects from all partitions: an event is sent again to another partition than the one it was in."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._sent_again: set[bytes] = set()
        self._began_ms: dict[int, int] = {}

    def add(self, ledger: Ledger, committed: int) -> None:
        """Take one partition. Events from `committed` on are not folded yet, so nobody can know of them."""
        self._waiting += [
            _Waiting(ledger.partition, event) for event in ledger.misplaced if event.offset < committed
        ]
        self._sent_again |= ledger.sent_again
        if ledger.first:
            self._began_ms[ledger.partition] = ledger.began_ms

    def differences(self) -> Iterator[Difference]:
        """One difference for each partition with events that were not sent again."""
        found: dict[int, list[int]] = {}
        for partition, event in self._waiting:
            # If the log of its own partition begins later, what was sent again may be deleted already.
            known = self._began_ms.get(event.own, 0) <= event.arrived_ms
            if known and event.digest not in self._sent_again:
                found.setdefault(partition, []).append(event.offset)
        for partition, offsets in found.items():
            what = (
                f"{len(offsets)} events are not of this partition (wrong_partition) and were not sent again; "
                "`plaudit dead-letters --reason wrong_partition --send` sends them to their own"
            )
            yield Difference(ACCOUNT, partition, offsets[0], offsets[-1], what)
