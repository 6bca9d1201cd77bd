"""The events that librdkafka holds, by the requests that they came with."""

import asyncio
from collections.abc import Sequence

from plaudit_producers.gateway.intake.outcomes import EventIdentity, Outcome, OutgoingEvent


class RequestBatch:
    """The events of one request.

    `answered` is done once every event has an outcome, or the request has given up waiting.

    Attributes:
        outcomes: of each event; None as long as librdkafka has not reported on it.
        given_up: whether the request waits no more.
    """

    __slots__ = ("_unsettled", "answered", "events", "given_up", "outcomes")

    def __init__(self, events: Sequence[OutgoingEvent]) -> None:
        self.events = events
        self.outcomes: list[Outcome | None] = [None] * len(events)
        self.answered = asyncio.get_running_loop().create_future()
        self.given_up = False
        self._unsettled = 1  # for handing over, which must end before the batch is answered

    def expect_report(self) -> None:
        """One more event was handed over."""
        self._unsettled += 1

    def settle(self, number: int, outcome: Outcome) -> None:
        """The outcome of an event that was handed over."""
        self.outcomes[number] = outcome
        self._settle_one()

    def refuse_from(self, number: int, outcome: Outcome) -> None:
        """The outcome of all events from a number on, none of which is handed over."""
        self.outcomes[number:] = [outcome] * (len(self.events) - number)

    def end_handing_over(self) -> None:
        """No further event is handed over."""
        self._settle_one()

    def give_up(self) -> list[EventIdentity]:
        """Wait no more; the events without an outcome."""
        self.given_up = True
        if not self.answered.done():
            self.answered.set_result(None)
        return [
            event.identity
            for event, outcome in zip(self.events, self.outcomes, strict=True)
            if outcome is None
        ]

    def _settle_one(self) -> None:
        self._unsettled -= 1
        if not self._unsettled and not self.answered.done():
            self.answered.set_result(None)


Place = tuple[RequestBatch, int]
"""An event's batch, and its number there."""


class InFlight:
    """The events that librdkafka holds. Each stays until it is reported on, or its client is lost.

    One identity may be here several times, as a request may repeat an event; a look-up gives the last.
    """

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._by_identity: dict[EventIdentity, Place] = {}

    def __contains__(self, identity: EventIdentity) -> bool:
        return identity in self._by_identity

    def __getitem__(self, identity: EventIdentity) -> Place:
        return self._by_identity[identity]

    def add(self, place: Place) -> None:
        """An event was handed over."""
        batch, number = place
        self._places.add(place)
        self._by_identity[batch.events[number].identity] = place

    def remove(self, place: Place) -> bool:
        """An event was reported on; False where it is not here: a lost client's report may come late."""
        if place not in self._places:
            return False
        self._places.remove(place)
        batch, number = place
        self._by_identity.pop(batch.events[number].identity, None)
        return True

    def places(self) -> list[Place]:
        """All of them, now."""
        return list(self._places)
