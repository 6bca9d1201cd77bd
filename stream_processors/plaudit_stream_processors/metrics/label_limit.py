"""Decides which models, applications and variants get series of their own, to bound the number of series.

It also decides which aspects, which labels of an aspect, and which scorers get counters of their own.

Each application has places for its values, so none can take those of another; there are places for
applications too. The first values that any worker sees get them. A place is held on the day on which its
value is seen, and on the next one. With a configured list of models, only versions of those may have one. All
other values count as `other`. A decision holds for one generation and for all partitions, and never changes
(metrics.generations).
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from plaudit_stream_processors.metrics.generations import LabelGeneration, generation_at, generations_of
from plaudit_stream_processors.metrics.label_decisions import LabelDecisions, OwnValue
from plaudit_stream_processors.metrics.label_names import KINDS, SeriesNames

log = logging.getLogger(__name__)


class Admission(Protocol):
    """The shared places. All workers see the same."""

    async def admit(
        self, kind: str, generation: LabelGeneration, values: list[OwnValue], cleared_ms: int
    ) -> list[bool] | None:
        """Whether each value has a place, now or from before. The answers never change.

        Args:
            cleared_ms: the newest clear that the caller knows; 0 if it knows none.

        Returns:
            None where places were cleared later, so that the generation may be another one.
        """

    async def clears(self) -> list[int]:
        """When places were cleared, in ms, ascending."""


LABEL_CHARACTERS: Final = 256
"""A longer value counts as `other`, so that counter names and Prometheus labels stay small."""

_GENERATIONS: Final = 64
"""So many are remembered: partitions that are read again may be at other days than the rest."""


class OpenedBatch(NamedTuple):
    """The decisions of the generations of a batch's events, by the clears that were known then."""

    decisions: list[LabelDecisions]
    clears: list[int]


class LabelLimit:
    """Lets the shared places decide on the values of a batch, then names series without I/O."""

    def __init__(self, admission: Admission, models: Iterable[str] = ()) -> None:
        """Only `models` may have series of their own; if it is empty, the first models that come may."""
        self._admission = admission
        self._listed = frozenset(models)
        self._generations: OrderedDict[int, LabelDecisions] = OrderedDict()
        self._clears: list[int] | None = None
        self._warned: set[str] = set()

    @property
    def refused_values(self) -> int:
        """How many of the newest generation's remembered values count as `other`."""
        newest = max(self._generations, default=None)
        return 0 if newest is None else self._generations[newest].refused_values

    async def open_batch(self, arrivals: Sequence[int]) -> OpenedBatch:
        """The decisions of the generations of a batch's events. Collect its values in all of them.

        Args:
            arrivals: the record timestamps of a batch that was fetched before this call.

        Raises:
            redis.exceptions.RedisError: the shared places do not answer.
        """
        clears = self._clears
        if clears is None or any(self._decisions(one).refused for one in generations_of(arrivals, clears)):
            # Whoever was refused may have a place since the last clear, and another worker may have given it.
            clears = self._clears = await self._admission.clears()
        return OpenedBatch([self._decisions(one) for one in generations_of(arrivals, clears)], clears)

    async def decide_collected(self, opened: OpenedBatch) -> bool:
        """Let the shared places decide on what was collected.

        Returns False where places were cleared meanwhile: open the batch again, and collect again.

        Raises:
            redis.exceptions.RedisError: the places do not answer. Undecided values stay for the next call.
        """
        cleared_ms = opened.clears[-1] if opened.clears else 0
        for decisions in opened.decisions:
            for kind in KINDS:  # applications first: they say whose places the other values take
                values = decisions.undecided(kind)
                if values and not await self._decide(decisions, kind, values, cleared_ms):
                    self._clears = None
                    return False
        # Another partition of this worker may have seen a clear meanwhile.
        return self._clears == opened.clears

    def names_at(self, arrived_ms: int, _version: int) -> SeriesNames:
        """The names for an event. Its batch was opened, collected and decided before."""
        return self._decisions(generation_at(arrived_ms, self._clears or ()))

    async def _decide(
        self, decisions: LabelDecisions, kind: str, values: list[OwnValue], cleared_ms: int
    ) -> bool:
        asked = [value for value in values if self._may_enter(kind, value.value)]
        owned = [
            value if kind == "application" else OwnValue(decisions.owner(value.application), value.value)
            for value in asked
        ]
        answers: list[bool] | None = []
        if asked:
            answers = await self._admission.admit(kind, decisions.generation, owned, cleared_ms)
        if answers is None:
            return False
        found = dict.fromkeys(values, False) | dict(zip(asked, answers, strict=True))
        decisions.decide(kind, found.items())
        if decisions.refused and kind not in self._warned and not all(found.values()):
            self._warned.add(kind)
            log.warning(
                "no place is free for further values of %s of some application, so they count as other; "
                "see `plaudit labels list`",
                kind,
            )
        return True

    def _decisions(self, generation: LabelGeneration) -> LabelDecisions:
        found = self._generations.get(generation.begin_ms)
        if found is None:
            before = [
                known
                for begin_ms, known in self._generations.items()
                if begin_ms < generation.begin_ms and known.generation.day == generation.day
            ]
            earlier = max(before, key=lambda known: known.generation, default=None)
            found = self._generations[generation.begin_ms] = LabelDecisions(generation, earlier)
            while len(self._generations) > _GENERATIONS:
                self._generations.popitem(last=False)
        else:
            self._generations.move_to_end(generation.begin_ms)
        return found

    def _may_enter(self, kind: str, value: str) -> bool:
        listed = kind != "model" or not self._listed or value.split("\x00", maxsplit=1)[0] in self._listed
        return listed and len(value) <= LABEL_CHARACTERS
