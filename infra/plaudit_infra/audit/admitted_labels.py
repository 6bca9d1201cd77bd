"""The metric series that labels count in, as the workers have admitted them. The audit admits none itself."""

from collections.abc import Collection

from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_stream_processors.metrics.label_limit import KINDS
from plaudit_stream_processors.metrics.series import (
    OTHER,
    Labels,
    counter_part,
    label_value,
    model_value,
    scorer_part,
    series_name,
)
from plaudit_stream_processors.state.keys import labels_key


class AdmittedLabels:
    """The shared sets of admitted labels, as of the last `refresh`. The sets only grow."""

    def __init__(self, client: RedisClient, prefix: str, models: Collection[str]) -> None:
        """`models` are those of PLAUDIT_METRIC_MODELS. If there are any, no other model gets a series."""
        self._client, self._prefix, self._models = client, prefix, frozenset(models)
        self._sets: dict[str, set[str]] = {kind: set() for kind in KINDS}

    async def refresh(self) -> None:
        """Read the sets. Read the position before: every label up to it has been admitted then."""
        for kind in self._sets:
            members = await execute(self._client, "SMEMBERS", labels_key(self._prefix, kind))
            self._sets[kind] = {member.decode() for member in members}

    def series_for(self, labels: Labels) -> str:
        """The series that these labels count in."""
        return series_name(
            labels.limited(
                application=labels.application in self._sets["application"],
                model=self._has_model(labels.model, labels.model_version),
                variant=labels.variant in self._sets["variant"],
            )
        )

    def part_for(self, aspect: str, label: str | None = None) -> str:
        """The name of an aspect, or of a label of an aspect, in counters."""
        if label is None:
            return counter_part(aspect) if aspect in self._sets["aspect"] else OTHER
        return counter_part(label) if label_value(aspect, label) in self._sets["label"] else OTHER

    def scorer_for(self, rater: str, version: str) -> str:
        """The name of a scorer in counters."""
        admitted = model_value(rater, version) in self._sets["scorer"]
        return scorer_part(rater, version) if admitted else scorer_part(OTHER, "")

    def _has_model(self, model: str, version: str) -> bool:
        listed = not self._models or model in self._models
        return listed and model_value(model, version) in self._sets["model"]
