"""What is to be seen, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from plaudit_producers.board.alerts import Firing
from plaudit_producers.board.snapshots import Snapshot


class ServiceLine(NamedTuple):
    """One process: its name, whether it is well, what it does, how often it was started again."""

    name: str
    well: bool
    what: str
    restarts: int


@dataclass(frozen=True, slots=True)
class State:
    """One moment; None where something is not known.

    Attributes:
        window: seconds; the window whose figures are shown.
        events: records in the events topic since its start; `waiting` of them are not folded yet.
        age_s: how old the newest figures are.
        rows: subset -> rows on disk; None where no sink is watched.
        notes: what happened lately, oldest first.
        addresses: where to look further.
    """

    window: int
    snapshots: Sequence[Snapshot] = ()
    alerts: Sequence[Firing] = ()
    events: int | None = None
    rate: float | None = None
    waiting: int | None = None
    open_conversations: int | None = None
    age_s: float | None = None
    rows: Mapping[str, int] | None = None
    services: Sequence[ServiceLine] = ()
    notes: Sequence[str] = ()
    addresses: Sequence[str] = ()
