"""What became of each publication, as of a time. Pure."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from plaudit_schemas.models.publications import Publication

State = Literal["active", "waiting", "past", "never"]
"""active: it counts now. waiting: its time has not come. past: it was replaced. never: it was replaced before
its time came."""


class PublicationState(NamedTuple):
    """A publication that counts, and what became of it.

    Attributes:
        until_ms: when the one after it begins, in the broker's time; None if there is none.
    """

    publication: Publication
    state: State
    until_ms: int | None


def states_of(publications: Iterable[Publication], now_ms: int) -> list[PublicationState]:
    """The states of publications that count, in their order."""
    found: list[PublicationState] = []
    ends: dict[str, int] = {}
    for each in reversed(list(publications)):
        end = ends.get(each.name)
        found.append(PublicationState(each, _state(each.active_from_ms, end, now_ms), end))
        ends[each.name] = each.active_from_ms if end is None else min(end, each.active_from_ms)
    return found[::-1]


def _state(begin_ms: int, end_ms: int | None, now_ms: int) -> State:
    if end_ms is not None and end_ms <= begin_ms:
        return "never"
    if now_ms < begin_ms:
        return "waiting"
    return "active" if end_ms is None or now_ms < end_ms else "past"
