"""An event on its way to Kafka, one that is refused, and what becomes of those that are sent."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

EventIdentity = tuple[bytes, str]
"""Kafka key and event id: what makes a retry the same event."""

RefusalReason = Literal["invalid", "forbidden", "unavailable"]


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One encoded event."""

    identity: EventIdentity
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that does not go to Kafka; `event_id` is None where it gave none that can be read."""

    event_id: str | None
    reason: RefusalReason
    detail: str


class Outcome(Enum):
    """What became of one event.

    Attributes:
        ACKED: Kafka has it.
        AWAY: Kafka did not answer in time; it may be sent again.
        FULL: librdkafka had no room; it may be sent again.
        REFUSED: Kafka will never take it.
    """

    ACKED = "acked"
    AWAY = "away"
    FULL = "full"
    REFUSED = "refused"


FINAL_OUTCOMES: Final = frozenset((Outcome.ACKED, Outcome.REFUSED))
