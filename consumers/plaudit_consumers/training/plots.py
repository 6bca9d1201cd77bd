"""Two plots for people: how the scorer grows with its rows, and what its probabilities are worth."""

from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure as Plot
from plaudit_schemas.statistics.intervals import wilson

from plaudit_consumers.training.report import CHANCE, NAMES, TrainingReport

CURVE_FILE: Final = "learning-curve.png"
RELIABILITY_FILE: Final = "reliability.png"
_INK, _GREY, _BLUE, _ORANGE = "#222222", "#8a8a8a", "#2563a6", "#c4631a"


def write_plots(report: TrainingReport, folder: Path) -> None:
    """Write both plots into a folder. The same report gives the same bytes."""
    _save(_curve(report), folder / CURVE_FILE)
    _save(_reliability(report), folder / RELIABILITY_FILE)


def _curve(report: TrainingReport) -> Plot:
    name = NAMES[report.judged_by]
    plot, axes = _empty("rows learned from", f"{name} on {report.held_out_rows:,} held-out rows")
    rows = [point.rows for point in report.curve]
    values = [point.figure.value for point in report.curve]
    low = [point.figure.value - point.figure.low for point in report.curve]
    high = [point.figure.high - point.figure.value for point in report.curve]
    axes.errorbar(rows, values, (low, high), color=_BLUE, marker="o", capsize=3, label="this scorer")
    axes.axhline(CHANCE, color=_GREY, linestyle=":", label="chance")
    for key, label, style in (("length", "length alone", "--"), ("longer_answer", "longer answer", "-.")):
        figures = report.baselines[key]
        axes.axhline(figures[report.judged_by].value, color=_ORANGE, linestyle=style, label=label)
    if rows:
        axes.set_xscale("log", base=2)
        axes.set_xticks(rows, [f"{count:,}" for count in rows])
        axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title("Learning curve, with intervals of 95 %", loc="left", color=_INK, fontsize=11)
    return plot


def _reliability(report: TrainingReport) -> Plot:
    pairs = report.judged_by == "accuracy"
    plot, axes = _empty(
        "predicted probability", "share of pairs that it won" if pairs else "share of answers that were liked"
    )
    axes.plot((0, 1), (0, 1), color=_GREY, linestyle=":", label="perfectly calibrated")
    said = [tenth.mean_probability for tenth in report.tenths]
    done = [tenth.share for tenth in report.tenths]
    most = max(tenth.rows for tenth in report.tenths)
    axes.bar(
        said, [0.18 * tenth.rows / most for tenth in report.tenths], width=0.05, color="#d7e3f0", label="rows"
    )
    intervals = [wilson(tenth.share, tenth.rows) for tenth in report.tenths]
    below = [share - low for share, (low, _) in zip(done, intervals, strict=True)]
    above = [high - share for share, (_, high) in zip(done, intervals, strict=True)]
    axes.errorbar(said, done, (below, above), color=_BLUE, marker="o", capsize=3, label="this scorer")
    for tenth in report.tenths:
        axes.annotate(
            f"{tenth.rows:,.0f}", (tenth.mean_probability, 0.01), ha="center", fontsize=8, color=_INK
        )
    axes.set_xlim(-0.03, 1.03)  # a point at the end is not cut
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title("Reliability by tenths of the probability", loc="left", color=_INK, fontsize=11)
    return plot


def _empty(x: str, y: str) -> tuple[Plot, Any]:
    plot = Plot(figsize=(7.6, 4.0), facecolor="white", layout="constrained")
    axes = plot.add_subplot()
    axes.set_xlabel(x, color=_INK)
    axes.set_ylabel(y, color=_INK)
    axes.tick_params(colors=_INK, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    return plot, axes


def _save(plot: Plot, path: Path) -> None:
    # Without the program's name, another version of it writes the same bytes for the same picture.
    plot.savefig(path, dpi=130, metadata={"Software": None})
