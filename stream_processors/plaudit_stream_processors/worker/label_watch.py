"""Watches how many places of values are taken. Only one worker does, the one that also publishes figures."""

import logging
from collections.abc import Iterable
from typing import Final

from plaudit_schemas.contract.aspects import Aspects
from redis.exceptions import RedisError

from plaudit_stream_processors.metrics.declared import declared_values
from plaudit_stream_processors.metrics.label_names import KINDS
from plaudit_stream_processors.state.label_places import LabelPlaces
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics

log = logging.getLogger("plaudit.worker")

PLACES_USED: Final = "plaudit_label_places_used_ratio"


class LabelWatch:
    """Shows the share of places that is taken where it is largest, for each kind of value.

    Declared values always get a place. So the share is of the places that they leave to others.
    """

    def __init__(self, places: LabelPlaces, limit: int, metrics: WorkerMetrics, aspects: Aspects) -> None:
        """`limit` is how many places an application has for each kind."""
        self._places, self._limit, self._metrics = places, limit, metrics
        self._declared = declared_values(aspects)

    async def look(self, *, is_mine: bool) -> None:
        """Bring the gauges up to date; without series where another worker looks."""
        if not is_mine:
            self._metrics.clear(PLACES_USED)
            return
        try:
            held = await self._places.held()
        except RedisError as error:
            log.debug("places could not be looked at: %s", error)  # the guard of Redis says so
            return
        for kind in KINDS:
            most = max((self._share(kind, each.values) for each in held if each.kind == kind), default=0.0)
            self._metrics.gauge(PLACES_USED, kind).set(most)

    def _share(self, kind: str, values: Iterable[str]) -> float:
        held = frozenset(values)
        others = held - self._declared.get(kind, frozenset())
        left = self._limit - (len(held) - len(others))
        # More than the limit may be declared after others had come: what is left is taken by those.
        return len(others) / max(left, len(others), 1)
