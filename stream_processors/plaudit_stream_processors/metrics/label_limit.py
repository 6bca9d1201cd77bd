"""Decides which models, applications and variants get series of their own, to bound the number of series.

It also decides which aspects, which labels of an aspect, and which scorers get counters of their own.

The decision is the same for all partitions: the first values that any worker sees enter a set that all
workers share, up to a limit. With a configured list of models, only versions of those may enter. All other
values count as `other`.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from plaudit_schemas.contract.ratings import aspect_vote, is_score

from plaudit_stream_processors.metrics.series import (
    OTHER,
    Labels,
    counter_part,
    label_value,
    model_value,
    scorer_part,
    series_name,
)

log = logging.getLogger(__name__)

KINDS: Final = ("application", "model", "variant", "aspect", "label", "scorer")
"""The kinds of values. A label's value is its aspect, a null character and the label. A scorer is a rater of
kind model that gives numbers; its value is that of a model."""

AdmitValues = Callable[[str, list[str]], Awaitable[list[bool]]]
"""Takes a kind and values. Returns for each value whether the shared set holds it, now or from before."""

LABEL_CHARACTERS: Final = 256
"""A longer value counts as `other`, so that counter names and Prometheus labels stay small."""

_REMEMBERED: Final = 100_000
"""Above so many values of a kind the refused ones are forgotten, so that memory stays bounded."""


class LabelLimit:
    """Collects the values of a batch, lets the shared set decide on them, then names series without I/O."""

    def __init__(self, admit_values: AdmitValues, models: Iterable[str] = ()) -> None:
        """Only `models` may have series of their own; if it is empty, the first models that come may."""
        self._admit_values = admit_values
        self._listed = frozenset(models)
        self._known: dict[str, dict[str, bool]] = {kind: {} for kind in KINDS}
        self._new: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
        self._series: dict[Labels, str] = {}
        self._warned: set[str] = set()

    @property
    def refused_values(self) -> int:
        """How many of the remembered values count as `other`."""
        return sum(not admitted for known in self._known.values() for admitted in known.values())

    def collect_body(self, body: dict[str, Any]) -> None:
        """Keep the model and the variants of an event's body for the next decision."""
        if "model" in body:
            value = model_value(body["model"]["id"], body["model"].get("version") or "")
            if value not in self._known["model"]:
                self._new["model"][value] = None
        if "variants" in body:
            for experiment, arm in body["variants"].items():
                if f"{experiment}:{arm}" not in self._known["variant"]:
                    self._new["variant"][f"{experiment}:{arm}"] = None

    def collect_feedback(self, feedback: dict[str, Any]) -> None:
        """Keep the aspect of a feedback, its labels and its scorer for the next decision."""
        if is_score(feedback):
            self._collect_scorer(feedback["rater"])
        vote = aspect_vote(feedback)
        if vote is None:
            return
        aspect = feedback["aspect"]
        if aspect not in self._known["aspect"]:
            self._new["aspect"][aspect] = None
        for label in vote[1] if isinstance(vote[1], list) else ():
            value = label_value(aspect, label)
            if value not in self._known["label"]:
                self._new["label"][value] = None

    def _collect_scorer(self, rater: dict[str, Any]) -> None:
        value = model_value(rater.get("id") or "", rater.get("version") or "")
        if value not in self._known["scorer"]:
            self._new["scorer"][value] = None

    def collect_application(self, application: str) -> None:
        """Keep an application for the next decision."""
        if application not in self._known["application"]:
            self._new["application"][application] = None

    async def decide_collected(self) -> None:
        """Let the shared set decide on the collected values.

        Raises:
            redis.exceptions.RedisError: `admit_values` failed. Undecided values are kept for the next call.
        """
        for kind, new in self._new.items():
            if not new:
                continue
            known = self._known[kind]
            if len(known) + len(new) > _REMEMBERED:  # a full set refuses the forgotten ones again
                self._known[kind] = known = {value: True for value, admitted in known.items() if admitted}
            candidates = [value for value in new if self._may_enter(kind, value)]
            answers = await self._admit_values(kind, candidates) if candidates else []
            known.update(dict.fromkeys(new, False))
            known.update(zip(candidates, answers, strict=True))
            if not all(known[value] for value in new) and kind not in self._warned:
                self._warned.add(kind)
                log.warning("the limit is reached: further values of %s count as other", kind)
            new.clear()
            self._series.clear()  # a name made before may say `other` for a value that is admitted now

    def series_for(self, labels: Labels) -> str:
        """The series that these labels count in."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = series_name(
                labels.limited(
                    application=self._is_admitted("application", labels.application),
                    model=self._is_admitted("model", model_value(labels.model, labels.model_version)),
                    variant=self._is_admitted("variant", labels.variant),
                )
            )
        return series

    def part_for(self, aspect: str, label: str | None = None) -> str:
        """The name of an aspect, or of a label of an aspect, in counters."""
        if label is None:
            return counter_part(aspect) if self._is_admitted("aspect", aspect) else OTHER
        return counter_part(label) if self._is_admitted("label", label_value(aspect, label)) else OTHER

    def scorer_for(self, rater: str, version: str) -> str:
        """The name of a scorer in counters."""
        admitted = self._is_admitted("scorer", model_value(rater, version))
        return scorer_part(rater, version) if admitted else scorer_part(OTHER, "")

    def _may_enter(self, kind: str, value: str) -> bool:
        listed = kind != "model" or not self._listed or value.split("\x00", maxsplit=1)[0] in self._listed
        return listed and len(value) <= LABEL_CHARACTERS

    def _is_admitted(self, kind: str, value: str) -> bool:
        return self._known[kind].get(value, False)
