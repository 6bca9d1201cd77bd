"""The events that librdkafka holds, grouped by the requests that brought them."""

import asyncio
from collections.abc import Sequence

from plaudit_producers.gateway.intake.outcomes import EventIdentity, Outcome, OutgoingEvent


class RequestBatch:
    """The events of one request.

    Attributes:
        answered: a future. It is done once every event has an outcome, or the request has stopped waiting.
        outcomes: the outcome of each event; None until librdkafka has reported on it.
        given_up: whether the request has stopped waiting.
    """

    __slots__ = ("_unsettled", "answered", "events", "given_up", "outcomes")

    def __init__(self, events: Sequence[OutgoingEvent]) -> None:
        self.events = events
        self.outcomes: list[Outcome | None] = [None] * len(events)
        self.answered = asyncio.get_running_loop().create_future()
        self.given_up = False
        # One more than the reports to come: else the first report could answer a batch that is half handed
        # over.
        self._unsettled = 1

    def expect_report(self) -> None:
        """Count one more event that was handed over."""
        self._unsettled += 1

    def settle(self, number: int, outcome: Outcome) -> None:
        """Set the outcome of an event that was handed over."""
        self.outcomes[number] = outcome
        self._settle_one()

    def refuse_from(self, number: int, outcome: Outcome) -> None:
        """Set the outcome of all events from a number on. None of them was handed over."""
        self.outcomes[number:] = [outcome] * (len(self.events) - number)

    def end_handing_over(self) -> None:
        """Call it when no further event will be handed over."""
        self._settle_one()

    def give_up(self) -> list[EventIdentity]:
        """Stop waiting. Returns the identities of the events that have no outcome yet."""
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
"""An event's batch, and its number in that batch."""


class InFlight:
    """The events that librdkafka holds. Each stays until librdkafka reports on it, or its client is lost.

    No identity is here twice: the sender hands an event over only if it is not in flight.
    """

    def __init__(self) -> None:
        self._places: dict[EventIdentity, Place] = {}

    def __contains__(self, identity: EventIdentity) -> bool:
        return identity in self._places

    def __getitem__(self, identity: EventIdentity) -> Place:
        return self._places[identity]

    def add(self, place: Place) -> None:
        """Add an event that was handed over."""
        batch, number = place
        self._places[batch.events[number].identity] = place

    def remove(self, place: Place) -> bool:
        """Remove an event that was reported on.

        Returns False if it is not here: it was given up with a lost client, whose report came late.
        """
        batch, number = place
        identity = batch.events[number].identity
        if self._places.get(identity) != place:
            return False
        del self._places[identity]
        return True

    def places(self) -> list[Place]:
        """All places, as of now."""
        return list(self._places.values())
