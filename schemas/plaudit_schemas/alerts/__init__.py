"""The alert rules as data, shared by Prometheus, the dashboard and `plaudit top`."""

import re
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from plaudit_schemas.alerts.aspects import changes_of
from plaudit_schemas.contract.aspects import Aspects
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
    aspect_change: float
    agreement_drop: float
    calibration_error: float
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
    unscored_ratio: float
    places: float
    refused_connections: int
    refused_callers: int
    refused_ratio: float
    refused_sign_ins: int


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


class AspectDefinitions(_Frozen):
    """Everything in aspects.yaml."""

    records: tuple[Record, ...]
    alerts: tuple[Alert, ...]


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


@cache
def aspect_definitions() -> AspectDefinitions:
    """The definitions in the packaged aspects.yaml."""
    text = (files("plaudit_schemas.alerts") / "aspects.yaml").read_text(encoding="utf-8")
    return AspectDefinitions.model_validate(yaml.safe_load(text))


def prometheus_rules(profile: str, aspects: Aspects | None = None) -> dict[str, Any]:
    """The content of a Prometheus rule file.

    Args:
        aspects: those that applications declare; each that has a direction is watched.

    Raises:
        NotFoundError: there is no such profile.
    """
    limits = definitions().limits(profile)
    values = limits.model_dump()
    rules = [
        *(_record(rule, values) for rule in definitions().records),
        *(_alert(alert, values) for alert in definitions().alerts),
    ]
    if aspects:
        rules += _aspect_rules(aspects, values)
    return {"groups": [{"name": "plaudit", "interval": limits.interval, "rules": rules}]}


def _aspect_rules(aspects: Aspects, values: dict[str, Any]) -> list[dict[str, Any]]:
    changes = {
        "up": changes_of(aspects, "higher_is_better"),
        "down": changes_of(aspects, "lower_is_better"),
    }
    alerts = [
        alert
        for alert in aspect_definitions().alerts
        if all(changes[side] for side in changes if f"${side})" in alert.expr)
    ]
    if not alerts:
        return []
    records = [_record(rule, values) for rule in aspect_definitions().records]
    return records + [_alert(alert, {**values, **changes}) for alert in alerts]


def _record(rule: Record, values: dict[str, Any]) -> dict[str, Any]:
    return {"record": rule.record, "expr": _filled(rule.expr, values)}


def _alert(alert: Alert, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "alert": alert.alert,
        "expr": _filled(alert.expr, values),
        "for": values["hold"],
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": _filled(alert.summary, values),
            "description": _filled(alert.description, values),
            "runbook": "\n".join(f"{n}. {_filled(s, values)}" for n, s in enumerate(alert.runbook, 1)),
        },
    }


def seconds(duration: str) -> float:
    """The seconds of a duration such as 10m or 24h.

    Raises:
        ValueError: the text is not a whole number of s, m, h or d.
    """
    found = re.fullmatch(r"(\d+)(s|m|h|d)", duration)
    if found is None:
        raise ValueError(f"{duration!r} is not a duration such as 10m")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


def _filled(text: str, values: dict[str, Any]) -> str:
    # `safe_substitute` leaves $value and $labels alone, which Prometheus fills in itself.
    return Template(text).safe_substitute(values)
