"""Which models, applications and variants get series of their own, so that their number stays bounded.

Decided alike in every partition: a configured list of models wins; otherwise the first values that
anyone saw are admitted to one set that all workers share, up to a limit. All others count as `other`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from plaudit_stream_processors.metrics.series import Labels, model_value, series_name

Ask = Callable[[str, list[str]], Awaitable[list[bool]]]


class Admission:
    """Note values while reading a batch, `settle` them with the shared set, then `admit` labels purely."""

    def __init__(self, ask: Ask, models: Iterable[str] = ()) -> None:
        """`ask(kind, values)` says for each value whether the shared set has, or takes, it."""
        self._ask = ask
        self._listed = frozenset(models)
        self._known: dict[str, dict[str, bool]] = {"application": {}, "model": {}, "variant": {}}
        self._new: dict[str, dict[str, None]] = {"application": {}, "model": {}, "variant": {}}
        self._series: dict[Labels, str] = {}

    @property
    def refused(self) -> int:
        """How many values went to `other`."""
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
            values = list(new)
            if kind == "model" and self._listed:
                answers = [value.split("\x00")[0] in self._listed for value in values]
            else:
                answers = await self._ask(kind, values)
            self._known[kind].update(zip(values, answers, strict=True))
            new.clear()
            self._series.clear()

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
