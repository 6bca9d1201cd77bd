"""Sends exclusions as events, so that they hold for every later snapshot."""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from plaudit_producers import DeliveryFuture
from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.page_producers import PageProducers

_REMEMBERED: Final = 100_000


class Target(NamedTuple):
    """What is kept out of training: a message, or without an id a whole conversation."""

    conversation_id: str
    message_id: str | None


class Exclusions:
    """Keeps messages and conversations of applications out of training rows, and lets them in again."""

    def __init__(self, connection: ConnectionSettings) -> None:
        """Connects to nothing yet."""
        self._producers = PageProducers(connection)
        # A snapshot never changes: only this process knows what was excluded since it was built.
        self._known: dict[tuple[str, Target], None] = {}

    def is_excluded(self, application: str, targets: Iterable[Target]) -> bool:
        """Whether any of these was excluded here since the console was started."""
        return any((application, target) in self._known for target in targets)

    async def send(
        self, application: str, targets: Iterable[Target], *, excluded: bool, rater: str, reason: str
    ) -> int:
        """Send an event for each target. Returns their number once Kafka has taken all.

        Raises:
            DeliveryError: Kafka did not take one.
            PlauditError: the event cannot be made.
        """
        wanted = list(targets)
        deliveries = []
        for target in wanted:
            delivery = DeliveryFuture()
            await self._producers.conversation(application, target.conversation_id).exclude(
                target.message_id,
                excluded=excluded,
                rater={"kind": "reviewer", "id": rater[:ID_CHARACTERS]},  # a key's name may be longer
                reason=reason,
                on_delivery=delivery,
            )
            deliveries.append(delivery)
        await asyncio.gather(*map(asyncio.wrap_future, deliveries))
        for target in wanted:
            self._known.pop((application, target), None)
            if excluded:
                self._known[application, target] = None
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return len(wanted)

    async def close(self) -> None:
        """Wait for what is on its way, and disconnect."""
        await self._producers.close()
