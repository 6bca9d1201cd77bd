"""Which version of a model is active when. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

ACTIVATION_DELAY_MS: Final = 60_000
"""From a publication to its activation, unless the publisher says otherwise."""

ROLLBACK_DELAY_MS: Final = 10_000
"""Likewise for a rollback or a withdrawal. It is short, because what is active is not wanted."""

MIN_DELAY_MS: Final = 5_000
"""The least delay. Whoever has read all publications up to a time knows what is active so much later."""


class Activation(NamedTuple):
    """A publication and the time from which it counts.

    Attributes:
        id: of the publication, a ULID.
        version: empty if the model was withdrawn, so that no version is active.
        sha256: of the folder's `plaudit-model.yaml`; empty likewise.
        location: the folder: a path, or the URL of an object store; empty likewise.
        published_ms: the broker's timestamp of the publication.
        active_from_ms: messages that were completed at this time of the broker or later belong to it.
    """

    id: str
    name: str
    version: str
    sha256: str
    location: str
    published_ms: int
    active_from_ms: int


class Activations:
    """The activations of one model, by time."""

    def __init__(self, activations: Iterable[Activation] = ()) -> None:
        """Takes them in the order of the topic."""
        self._by_time: list[Activation] = []
        # One that was published later ends all before it, also those that were to begin after it.
        for one in activations:
            while self._by_time and self._by_time[-1].active_from_ms >= one.active_from_ms:
                self._by_time.pop()
            self._by_time.append(one)
        self._times = [one.active_from_ms for one in self._by_time]

    def at(self, arrived_ms: int) -> Activation | None:
        """The one that is active at a time of the broker. None before the first, and after a withdrawal."""
        index = bisect_right(self._times, arrived_ms)
        found = self._by_time[index - 1] if index else None
        return found if found is not None and found.version else None

    @property
    def newest(self) -> Activation | None:
        """The one that counts last, whether its time has come or not. None if there is none."""
        found = self._by_time[-1] if self._by_time else None
        return found if found is not None and found.version else None
