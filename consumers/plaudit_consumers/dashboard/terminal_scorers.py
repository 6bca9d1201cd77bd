"""The scorers in the terminal view: a line for each scorer, kind of people and model. Pure."""

from collections.abc import Iterable
from typing import Final

from rich.table import Table

from plaudit_consumers.dashboard.agreement import Agreement, agreements, scorer_name
from plaudit_consumers.dashboard.snapshots import FigureValue, Snapshot
from plaudit_consumers.dashboard.terminal_table import first_lines

_NOTHING: Final = "-"


def scorer_table(snapshots: Iterable[Snapshot]) -> Table | None:
    """The table of how well scorers agree with people in these snapshots; None if there are none."""
    lines = sorted(
        ((one, snapshot.series.model_name) for snapshot in snapshots for one in agreements(snapshot)),
        key=lambda line: (-line[0].accuracy.count, line[0][:3], line[1]),
    )
    if not lines:
        return None
    return first_lines(
        "scorers, beside what people say",
        ("scorer", "model"),
        ("same side", "AUC", "calibration error", "answers"),
        [_cells(one, model) for one, model in lines],
        "answers",
    )


def _cells(one: Agreement, model: str) -> list[str]:
    return [
        f"{scorer_name(one.scorer)} ({one.aspect}, {one.rater_kind}s)",
        model,
        _shown(one.accuracy, "{:.0%}"),
        _shown(one.auc, "{:.2f}"),
        _shown(one.calibration_error, "{:.0%}"),
        f"{one.accuracy.count:,}",
    ]


def _shown(value: FigureValue, form: str) -> str:
    if value.value is None:
        return _NOTHING
    text = form.format(value.value)
    if value.low is None or value.high is None:
        return text
    return f"{text} {form.format(value.low)}-{form.format(value.high)}"
