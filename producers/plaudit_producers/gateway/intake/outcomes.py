"""Events on their way to Kafka, refused events, and the outcomes of those that were sent."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

EventIdentity = tuple[bytes, str]
"""Kafka key and event id. A retry has the same identity as the first try."""

RefusalReason = Literal["invalid", "forbidden", "unavailable"]


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One encoded event. `by_page` says that a page sends it, and no server."""

    identity: EventIdentity
    payload: bytes = field(repr=False)
    by_page: bool = False


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that does not go to Kafka. `event_id` is None if the event has none that can be read."""

    event_id: str | None
    reason: RefusalReason
    detail: str


class Outcome(Enum):
    """What became of one event.

    Attributes:
        ACKED: Kafka has it.
        AWAY: Kafka did not answer in time; the event may be sent again.
        FULL: librdkafka's queue had no room; the event may be sent again.
        REFUSED: Kafka will never take the event.
    """

    ACKED = "acked"
    AWAY = "away"
    FULL = "full"
    REFUSED = "refused"


FINAL_OUTCOMES: Final = frozenset((Outcome.ACKED, Outcome.REFUSED))
