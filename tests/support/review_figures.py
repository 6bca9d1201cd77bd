"""Figures of quality of a queue, as the lead's page gets them."""

from typing import Any

_NOTHING = {"share": None, "low": None, "high": None, "right": 0, "count": 0}


def _share(right: int, count: int, low: float, high: float) -> dict[str, Any]:
    return {"share": right / count, "low": low, "high": high, "right": right, "count": count}


def _question(name: str, title: str, kind: str, metric: str | None, *alpha: float | None) -> dict[str, Any]:
    value, low, high = alpha
    return {
        "question": name,
        "title": title,
        "kind": kind,
        "metric": metric,
        "unit": "items",
        "alpha": {"value": value, "low": low, "high": high, "items": 80, "raters": 3, "values": 240},
    }


def _reviewer(name: str, answered: int, controls: Any, majority: Any, *why: str) -> dict[str, Any]:
    return {
        "reviewer": name,
        "answered": answered,
        "surplus": 0,
        "declined": 2,
        "median_seconds": 21.5 if not why else 2.1,
        "controls": controls,
        "majority": majority,
        "careless": bool(why),
        "why": list(why),
    }


def _label(label: str, count: int, precision: float, recall: float) -> dict[str, Any]:
    return {"label": label, "count": count, "precision": precision, "recall": recall, "correlation": 0.75}


FIGURES: dict[str, Any] = {
    "computed_at": "2026-11-26T23:20:00Z",
    "items": {"total": 120, "judged": 90, "judged_twice": 80, "waiting": 4, "settled": 6},
    "random": {"items": 40, "answered": 30, "declined": 2},
    "questions": [
        _question("correct", "Is the answer correct?", "thumb", "nominal", 0.61, 0.5, 0.71),
        _question("quality", "How good is it?", "rating", "ordinal", 0.82, 0.78, 0.86),
        _question("tone", "Which tone has it?", "label", "nominal", None, None, None),
    ],
    "reviewers": [
        _reviewer("anna", 80, _share(19, 20, 0.76, 0.99), _share(72, 80, 0.81, 0.95)),
        _reviewer("ben", 64, _share(17, 19, 0.69, 0.97), _share(57, 64, 0.79, 0.95)),
        _reviewer("cleo", 90, _share(7, 21, 0.17, 0.55), _share(40, 90, 0.35, 0.55), "controls", "majority"),
        _reviewer("דנה", 3, _NOTHING, _share(3, 3, 0.44, 1.0)),
    ],
    "machines": [
        {
            "model": "scorer:1",
            "aspect": "quality",
            "question": "correct",
            "labels": ["yes", "no"],
            "confusion": [[30, 4], [6, 40]],
            "count": 80,
            "accuracy": _share(70, 80, 0.78, 0.93),
            "correlation": 0.75,
            "per_label": [_label("yes", 34, 0.83, 0.88), _label("no", 46, 0.91, 0.87)],
        }
    ],
    "days": [
        {"day": f"2026-11-{day}", "verdicts": verdicts, "reviewers": 3, "median_seconds": 22.0}
        for day, verdicts in ((24, 52), (25, 108), (26, 80))
    ],
}
