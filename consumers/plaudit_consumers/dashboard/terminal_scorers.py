"""The scorers in the terminal view: a line for each scorer, kind of people and model. Pure."""

from collections.abc import Iterable
from typing import Final

from rich.table import Table
from rich.text import Text

from plaudit_consumers.dashboard.agreement import Agreement, agreements, scorer_name
from plaudit_consumers.dashboard.snapshots import FigureValue, Snapshot
from plaudit_consumers.dashboard.terminal_aspects import printable

_ROWS: Final = 12
_NOTHING: Final = "-"


def scorer_table(snapshots: Iterable[Snapshot]) -> Table | None:
    """The table of how well scorers agree with people in these snapshots; None if there are none."""
    lines = sorted(
        ((one, snapshot.series.model_name) for snapshot in snapshots for one in agreements(snapshot)),
        key=lambda line: (-line[0].accuracy.count, line[0][:3], line[1]),
    )
    if not lines:
        return None
    table = Table(
        title="scorers, beside what people say",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name in ("scorer", "model"):
        table.add_column(name, overflow="fold")
    for name in ("same side", "AUC", "calibration error", "answers"):
        table.add_column(name, justify="right", no_wrap=True)
    for one, model in lines[:_ROWS]:
        table.add_row(*(Text(printable(cell)) for cell in _cells(one, model)))
    if len(lines) > _ROWS:
        table.caption, table.caption_justify = f"the {_ROWS} with the most answers of {len(lines)}", "left"
    return table


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
