"""Which models, applications and variants get series of their own, so that their number stays bounded.

Decided alike in every partition: the first values that anyone saw are admitted to one set that all
workers share, up to a limit; with a configured list of models only versions of those. All others count
as `other`.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from plaudit_stream_processors.metrics.series import Labels, model_value, series_name

log = logging.getLogger(__name__)

Ask = Callable[[str, list[str]], Awaitable[list[bool]]]
LABEL_CHARACTERS = 256
"""A longer value counts as `other`: names of counters and labels of Prometheus stay small."""
_REMEMBERED = 100_000


class Admission:
    """Note values while reading a batch, `settle` them with the shared set, then `admit` labels purely."""

    def __init__(self, ask: Ask, models: Iterable[str] = ()) -> None:
        """`ask(kind, values)` says for each value whether the shared set has, or takes, it."""
        self._ask = ask
        self._listed = frozenset(models)
        self._known: dict[str, dict[str, bool]] = {"application": {}, "model": {}, "variant": {}}
        self._new: dict[str, dict[str, None]] = {"application": {}, "model": {}, "variant": {}}
        self._series: dict[Labels, str] = {}
        self._told: set[str] = set()

    @property
    def refused(self) -> int:
        """How many of the values that are remembered went to `other`."""
        return sum(not admitted for known in self._known.values() for admitted in known.values())

    def note(self, body: dict[str, Any]) -> None:
        """Collect what the body of an event names and nobody decided on yet."""
        if "model" in body:
            value = model_value(body["model"]["id"], body["model"].get("version") or "")
            if value not in self._known["model"]:
                self._new["model"][value] = None
        if "variants" in body:
            for experiment, arm in body["variants"].items():
                if f"{experiment}:{arm}" not in self._known["variant"]:
                    self._new["variant"][f"{experiment}:{arm}"] = None

    def note_application(self, application: str) -> None:
        """Collect a conversation's application."""
        if application not in self._known["application"]:
            self._new["application"][application] = None

    async def settle(self) -> None:
        """Ask about what was noted."""
        for kind, new in self._new.items():
            if not new:
                continue
            known = self._known[kind]
            if len(known) + len(new) > _REMEMBERED:  # a full set refuses them again
                self._known[kind] = known = {value: True for value, admitted in known.items() if admitted}
            candidates = [value for value in new if self._may(kind, value)]
            answers = await self._ask(kind, candidates) if candidates else []
            known.update(dict.fromkeys(new, False))
            known.update(zip(candidates, answers, strict=True))
            if not all(known[value] for value in new) and kind not in self._told:
                self._told.add(kind)
                log.warning("past the limit, further values of %s count as other", kind)
            new.clear()
            self._series.clear()

    def _may(self, kind: str, value: str) -> bool:
        listed = kind != "model" or not self._listed or value.split("\x00", maxsplit=1)[0] in self._listed
        return listed and len(value) <= LABEL_CHARACTERS

    def admit(self, labels: Labels) -> str:
        """The series that these labels count in."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = series_name(
                labels.admitted(
                    application=self._has("application", labels.application),
                    model=self._has("model", model_value(labels.model, labels.model_version)),
                    variant=self._has("variant", labels.variant),
                )
            )
        return series

    def _has(self, kind: str, value: str) -> bool:
        return self._known[kind].get(value, False)
