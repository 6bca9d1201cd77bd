"""The places of labels without Redis, for tests of what workers make of them."""

from collections import defaultdict
from collections.abc import Sequence

from plaudit_stream_processors.metrics.generations import LabelGeneration
from plaudit_stream_processors.metrics.label_collector import LabelCollector
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_limit import LabelLimit


class SharedPlaces:
    """Admits the first values of each kind and application; without a limit, all of them.

    Attributes:
        asked: every value that was asked for.
    """

    def __init__(self, limit: int = 1_000_000) -> None:
        self._limit, self._places = limit, defaultdict[tuple[str, str], list[str]](list)
        self.asked: list[OwnValue] = []

    async def admit(
        self, kind: str, _generation: LabelGeneration, values: Sequence[OwnValue], _cleared_ms: int
    ) -> list[bool]:
        return self.take(kind, [(value, self._limit) for value in values])

    async def clears(self) -> list[int]:
        return []

    def take(self, kind: str, values: Sequence[tuple[OwnValue, int]]) -> list[bool]:
        answers = []
        for own, limit in values:
            self.asked.append(own)
            places = self._places[kind, own.application]
            if own.value not in places and len(places) < limit:
                places.append(own.value)
            answers.append(own.value in places)
        return answers


class LimitedPlaces(SharedPlaces):
    """The same, where each value says how many places its application has."""

    async def admit(  # type: ignore[override]  # as the places in Redis
        self,
        kind: str,
        _generation: LabelGeneration,
        values: Sequence[tuple[OwnValue, int]],
        _cleared_ms: int,
    ) -> list[bool]:
        return self.take(kind, values)


async def opened_collector(limit: LabelLimit, *arrivals: int) -> LabelCollector:
    """A collector for a batch of events that arrived at these times."""
    return LabelCollector((await limit.open_batch(arrivals or (0,))).decisions)


async def decide(limit: LabelLimit, *arrivals: int) -> None:
    """Decide on what was collected for a batch."""
    assert await limit.decide_collected(await limit.open_batch(arrivals or (0,)))
