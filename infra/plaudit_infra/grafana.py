"""Builds Grafana's dashboards from a short definition, because Grafana's own format is very repetitive."""

from importlib.resources import files
from itertools import count
from typing import Any

import yaml

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboards() -> dict[str, dict[str, Any]]:
    """File name -> dashboard in Grafana's JSON model."""
    text = (files("plaudit_infra") / "grafana.yaml").read_text(encoding="utf-8")
    return {f"{one['uid']}.json": _dashboard(one) for one in yaml.safe_load(text)}


def queries(dashboard: dict[str, Any]) -> list[str]:
    """Every PromQL expression of a dashboard."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def _dashboard(definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": definition["uid"],
        "title": definition["title"],
        "tags": ["plaudit"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), *_variables(definition["variables"])]},
        "panels": [_panel(number, panel) for number, panel in enumerate(definition["panels"])],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variables(definition: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": "query",
            "datasource": _SOURCE,
            "query": query,
            "refresh": 2,  # Grafana's number for "when the time range changes"
            "includeAll": name != "window",
            "multi": name != "window",
            "current": {"text": "1h", "value": "1h"}
            if name == "window"
            else {"text": "All", "value": "$__all"},
        }
        for name, query in definition.items()
    ]


def _panel(number: int, definition: dict[str, Any]) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    letters = count(ord("A"))
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": definition["title"],
        "description": definition.get("description", ""),
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": definition["unit"], "custom": {"showPoints": "never", "spanNulls": 60_000}},
            "overrides": _band() if definition.get("band") else [],
        },
        "options": {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(next(letters)), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for legend, expression in definition["queries"].items()
        ],
    }


def _band() -> list[dict[str, Any]]:
    """Draw the ends of an interval as thin dashes, and leave them out of the legend."""
    thin = [
        {"id": "custom.lineWidth", "value": 1},
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [4, 6]}},
        {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": True, "viz": False}},
    ]
    return [{"matcher": {"id": "byRegexp", "options": "/ (low|high)$/"}, "properties": thin}]
