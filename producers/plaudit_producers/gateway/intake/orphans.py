"""Events that outlive their request: those that may still reach Kafka, and those that have reached it."""

import asyncio
from collections.abc import Iterable
from typing import Final

from plaudit_producers.gateway.intake.outcomes import EventIdentity, Outcome

_REMEMBERED: Final = 100_000  # events; bounds the memory


class Orphans:
    """Events that librdkafka still holds after their request gave up waiting.

    Each has a future of its outcome, so that a retry can wait for it.
    """

    def __init__(self) -> None:
        self._outcomes: dict[EventIdentity, asyncio.Future[Outcome]] = {}

    def __len__(self) -> int:
        return len(self._outcomes)

    def __contains__(self, identity: EventIdentity) -> bool:
        return identity in self._outcomes

    def add(self, identities: Iterable[EventIdentity]) -> None:
        """Add the events of a request that gave up."""
        loop = asyncio.get_running_loop()
        for identity in identities:
            self._outcomes[identity] = loop.create_future()

    def settle(self, identity: EventIdentity, outcome: Outcome) -> bool:
        """Set the outcome that librdkafka reported. Returns False if the event is no orphan."""
        waiting = self._outcomes.pop(identity, None)
        if waiting is None:
            return False
        waiting.set_result(outcome)
        return True

    def among(self, identities: Iterable[EventIdentity]) -> dict[EventIdentity, asyncio.Future[Outcome]]:
        """The orphans among some events, with the futures of their outcomes."""
        return {identity: self._outcomes[identity] for identity in identities if identity in self._outcomes}


class ArrivedEvents:
    """Events that Kafka has, though the client may not know it: orphans that arrived, and events of pages.

    Only the latest `_REMEMBERED` are kept.
    """

    def __init__(self) -> None:
        self._identities: dict[EventIdentity, None] = {}

    def __len__(self) -> int:
        return len(self._identities)

    def __contains__(self, identity: EventIdentity) -> bool:
        return identity in self._identities

    def add(self, identity: EventIdentity) -> None:
        """Remember an event."""
        self._identities[identity] = None
        if len(self._identities) > _REMEMBERED:
            del self._identities[next(iter(self._identities))]
