"""Events that outlive their request: those that may still arrive, and those that have arrived."""

import asyncio
from collections.abc import Iterable
from typing import Final

from plaudit_producers.gateway.intake.outcomes import EventIdentity, Outcome

_REMEMBERED: Final = 100_000


class Orphans:
    """Events that librdkafka holds and whose request gave up waiting.

    Each has a future with its outcome, for a retry to wait for.
    """

    def __init__(self) -> None:
        self._outcomes: dict[EventIdentity, asyncio.Future[Outcome]] = {}

    def __len__(self) -> int:
        return len(self._outcomes)

    def add(self, identities: Iterable[EventIdentity]) -> None:
        """Their request gave up."""
        loop = asyncio.get_running_loop()
        for identity in identities:
            self._outcomes[identity] = loop.create_future()

    def settle(self, identity: EventIdentity, outcome: Outcome) -> bool:
        """librdkafka reported on an event; False where it is no orphan."""
        waiting = self._outcomes.pop(identity, None)
        if waiting is None:
            return False
        waiting.set_result(outcome)
        return True

    def among(self, identities: Iterable[EventIdentity]) -> dict[EventIdentity, asyncio.Future[Outcome]]:
        """Those of some events that are orphans, with the futures of their outcomes."""
        return {identity: self._outcomes[identity] for identity in identities if identity in self._outcomes}


class ArrivedEvents:
    """Events that Kafka has although nobody may have heard so: orphans that arrived, and what pages sent.

    The latest are remembered, up to a bound.
    """

    def __init__(self) -> None:
        self._identities: dict[EventIdentity, None] = {}

    def __len__(self) -> int:
        return len(self._identities)

    def __contains__(self, identity: EventIdentity) -> bool:
        return identity in self._identities

    def add(self, identity: EventIdentity) -> None:
        """Remember one."""
        self._identities[identity] = None
        if len(self._identities) > _REMEMBERED:
            del self._identities[next(iter(self._identities))]
