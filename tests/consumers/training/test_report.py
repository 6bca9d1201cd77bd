"""What is said of a scorer."""

from typing import Any

import pytest
from plaudit_consumers.training.evaluation import ReliabilityBin
from plaudit_consumers.training.learning_curve import CurvePoint
from plaudit_consumers.training.report import NAMES, TrainingReport, table, verdict
from plaudit_schemas.models.manifest import HeldOutFigure


def _figure(low: float, value: float | None = None, high: float = 0.9) -> HeldOutFigure:
    return HeldOutFigure(value=value or low + 0.01, low=low, high=high)


def _report(**more: Any) -> TrainingReport:
    figures = {name: _figure(0.6) for name in NAMES}
    baseline = {"accuracy": _figure(0.5), "auc": _figure(0.5)}
    fields = {
        "subset": "kto", "learning_rows": 90, "learning_groups": 80, "held_out_rows": 30,
        "held_out_groups": 20, "known_questions": 0, "left_out": {}, "judged_by": "auc", "figures": figures,
        "cross_validated": _figure(0.6),
        "baselines": {"length": baseline, "longer_answer": baseline}, "lead": (0.1, 0.05, 0.15),
        "curve": [CurvePoint(90, _figure(0.6))], "tenths": [ReliabilityBin(30, 0.5, 0.5)], "l2": 1.0,
        "shuffled": False,
    }  # fmt: skip
    return TrainingReport(**{**fields, **more})


@pytest.mark.parametrize(
    ("held_out", "cross_validated", "better"),
    [(0.51, 0.51, True), (0.49, 0.51, False), (0.51, 0.49, False), (0.5, 0.51, False)],
    ids=["both", "not_held_out", "not_in_cross_validation", "just_at_chance"],
)
def test_both_intervals_must_lie_above_chance(held_out: float, cross_validated: float, better: bool) -> None:
    figures = {name: _figure(held_out) for name in NAMES}
    report = _report(figures=figures, cross_validated=_figure(cross_validated))
    assert report.better_than_chance is better
    assert report.manifest_figures().better_than_chance is better
    assert verdict(report)[0].startswith("Better than chance" if better else "NOT better than chance")


def test_only_the_figure_that_fits_the_rows_decides() -> None:
    figures = {**{name: _figure(0.1) for name in NAMES}, "auc": _figure(0.6)}
    assert _report(figures=figures).better_than_chance
    assert not _report(figures=figures, judged_by="accuracy").better_than_chance


@pytest.mark.parametrize(
    ("lead", "text"),
    [
        ((0.1, 0.05, 0.15), "It is better than the length alone: AUC +0.100 (+0.050 to +0.150)"),
        ((0.1, -0.05, 0.25), "It is not surely better than the length alone"),
        ((-0.1, -0.15, -0.05), "It is worse than the length alone: AUC -0.100"),
    ],
    ids=["better", "unsure", "worse"],
)
def test_the_length_is_named(lead: tuple[float, float, float], text: str) -> None:
    assert verdict(_report(lead=lead))[1].startswith(text)


def test_a_baseline_has_no_probabilities() -> None:
    head, scorer, *rest = table(_report())
    assert [line[0] for line in rest] == ["length", "longer answer"]
    assert len(head) == len(scorer) == len(rest[0]) == 5
    assert rest[0][3:] == ["", ""]
