"""The alerts as data: what Prometheus, the dashboard and `plaudit top` all watch for."""

import re
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from plaudit_schemas.errors import NotFoundError

Severity = Literal["page", "ticket"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Frozen):
    """What one profile calls too much; durations as Prometheus writes them."""

    interval: str
    hold: str
    recent: str
    reference: str
    min_votes: int
    min_reference_votes: int
    drop: float
    sigmas: float
    accuracy_floor: float
    traffic: str
    expected_feedback: int
    lag: int
    dead_letter_ratio: float
    range: str
    slow_s: float
    stale_s: float
    stalled_s: float
    error_ratio: float


class Record(_Frozen):
    """A recording rule."""

    record: str
    expr: str


class Alert(_Frozen):
    """An alert; `runbook` are the steps of whoever is paged."""

    alert: str
    severity: Severity
    expr: str
    summary: str
    description: str
    runbook: tuple[str, ...]


class Definitions(_Frozen):
    """Everything in alerts.yaml."""

    profiles: dict[str, Limits]
    records: tuple[Record, ...]
    alerts: tuple[Alert, ...]

    def limits(self, profile: str) -> Limits:
        """A profile's limits.

        Raises:
            NotFoundError: there is no such profile.
        """
        if profile not in self.profiles:
            raise NotFoundError(f"{profile} is no profile; there are {', '.join(sorted(self.profiles))}")
        return self.profiles[profile]


@cache
def definitions() -> Definitions:
    """The packaged alerts."""
    text = (files("plaudit_schemas.alerts") / "alerts.yaml").read_text(encoding="utf-8")
    return Definitions.model_validate(yaml.safe_load(text))


def prometheus_rules(profile: str) -> dict[str, Any]:
    """The content of a Prometheus rule file.

    Raises:
        NotFoundError: there is no such profile.
    """
    limits = definitions().limits(profile)
    records = [{"record": rule.record, "expr": _filled(rule.expr, limits)} for rule in definitions().records]
    alerts = [
        {
            "alert": alert.alert,
            "expr": _filled(alert.expr, limits),
            "for": limits.hold,
            "labels": {"severity": alert.severity},
            "annotations": {
                "summary": _filled(alert.summary, limits),
                "description": _filled(alert.description, limits),
                "runbook": "\n".join(f"{n}. {_filled(s, limits)}" for n, s in enumerate(alert.runbook, 1)),
            },
        }
        for alert in definitions().alerts
    ]
    return {"groups": [{"name": "plaudit", "interval": limits.interval, "rules": [*records, *alerts]}]}


def seconds(duration: str) -> float:
    """A duration such as 10m or 24h in seconds."""
    found = re.fullmatch(r"(\d+)(s|m|h|d)", duration)
    if found is None:
        raise ValueError(f"{duration!r} is no duration")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


def _filled(text: str, limits: Limits) -> str:
    # Prometheus' own $value and $labels stay.
    return Template(text).safe_substitute(limits.model_dump())
