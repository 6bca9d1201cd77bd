"""The alert rules as data, shared by Prometheus, the dashboard and `plaudit top`."""

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
    """The thresholds and time spans of one profile. Durations are texts such as `10m`.

    alerts.yaml explains each of them.
    """

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
    expires_s: float
    skewed_events: int
    skewed_ratio: float


class Record(_Frozen):
    """A recording rule."""

    record: str
    expr: str


class Alert(_Frozen):
    """An alert. Its `runbook` lists the steps for the person who is paged."""

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
        """The limits of a profile.

        Raises:
            NotFoundError: there is no such profile.
        """
        if profile not in self.profiles:
            raise NotFoundError(f"{profile} is not a profile; there are {', '.join(sorted(self.profiles))}")
        return self.profiles[profile]


@cache
def definitions() -> Definitions:
    """The definitions in the packaged alerts.yaml."""
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
    """The seconds of a duration such as 10m or 24h.

    Raises:
        ValueError: the text is not a whole number of s, m, h or d.
    """
    found = re.fullmatch(r"(\d+)(s|m|h|d)", duration)
    if found is None:
        raise ValueError(f"{duration!r} is not a duration such as 10m")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


def _filled(text: str, limits: Limits) -> str:
    # `safe_substitute` leaves $value and $labels alone, which Prometheus fills in itself.
    return Template(text).safe_substitute(limits.model_dump())
