"""The metric series that labels count in, as the workers have admitted them. The audit admits none itself."""

from collections.abc import Collection

from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_stream_processors.fold.rules import LABELS_VERSION
from plaudit_stream_processors.metrics.generations import DAY_MS
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_names import KINDS, LimitedNames, SeriesNames
from plaudit_stream_processors.metrics.series import OTHER
from plaudit_stream_processors.state.keys import labels_key, places_key
from plaudit_stream_processors.state.label_places import LabelPlaces


class AdmittedLabels:
    """The shared places of values, as of the last `refresh`. What was decided of an event never changes."""

    def __init__(self, client: RedisClient, prefix: str, models: Collection[str]) -> None:
        """`models` are those of PLAUDIT_METRIC_MODELS. If there are any, no other model gets a series."""
        self._client, self._prefix, self._models = client, prefix, frozenset(models)
        self._places = LabelPlaces(client, prefix)
        self._by_day: dict[tuple[str, int], dict[OwnValue, int]] = {}
        self._earlier: dict[str, set[str]] = {kind: set() for kind in KINDS}

    async def refresh(self) -> None:
        """Read the places. Read the position before: every label up to it has been admitted then."""
        for kind in KINDS:
            members = await execute(self._client, "SMEMBERS", labels_key(self._prefix, kind))
            self._earlier[kind] = {member.decode() for member in members}
        for day in await self._places.days():
            for kind in KINDS:
                # Places of a day are only added.
                count = await execute(self._client, "ZCARD", places_key(self._prefix, kind, day))
                if count != len(self._by_day.get((kind, day), ())):
                    self._by_day[kind, day] = await self._places.places(kind, day)

    def names_at(self, arrived_ms: int, version: int) -> SeriesNames:
        """The names for an event, by the version of the rules that was in force at its offset."""
        if version < LABELS_VERSION:
            return LimitedNames(self._was_admitted)

        def is_admitted(kind: str, application: str, value: str) -> bool:
            has_place = self._has_place
            if application and not has_place(arrived_ms, "application", "", application):
                application = OTHER
            return self._is_listed(kind, value) and has_place(arrived_ms, kind, application, value)

        return LimitedNames(is_admitted)

    def _has_place(self, arrived_ms: int, kind: str, application: str, value: str) -> bool:
        places = self._by_day.get((kind, arrived_ms // DAY_MS), {})
        since_ms = places.get(OwnValue(application, value))
        return since_ms is not None and since_ms <= arrived_ms

    def _was_admitted(self, kind: str, _application: str, value: str) -> bool:
        return self._is_listed(kind, value) and value in self._earlier[kind]

    def _is_listed(self, kind: str, value: str) -> bool:
        return kind != "model" or not self._models or value.split("\x00", maxsplit=1)[0] in self._models
