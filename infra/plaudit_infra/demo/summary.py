"""The text that a finite run prints at its end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plaudit_consumers.dashboard.agreement import agreements
from plaudit_consumers.dashboard.snapshots import FigureValue, Snapshot

_WINDOW_S = 86_400


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """A finite run in numbers. Seconds count from the start of the traffic.

    Attributes:
        scoring: what is to be said of the scorer; empty without one.
    """

    events: int
    rows: Mapping[str, int]
    first_row_s: float | None
    folded_s: float
    on_disk_s: float
    audit: str
    restarts: int
    scoring: Sequence[str] = ()


def summary(outcome: DemoOutcome, output: Path) -> str:
    """The text for the terminal, with the lines of Python that open the data."""
    rows = ", ".join(f"{count:,} {subset}" for subset, count in outcome.rows.items()) or "none"
    scoring = "".join(f"{line}\n" for line in outcome.scoring)
    first = "-" if outcome.first_row_s is None else f"{outcome.first_row_s:.1f} s"
    return f"""
events                     {outcome.events:,}
rows on disk               {rows}
first Parquet row after    {first}
everything folded after    {outcome.folded_s:.1f} s
everything on disk after   {outcome.on_disk_s:.1f} s
processes started again    {outcome.restarts}
audit                      {outcome.audit}
{scoring}
The data is in {output}. Open it with these lines of Python (`. .venv/bin/activate` first, in a checkout):

    from datasets import load_dataset
    rows = load_dataset("{output}", "conversations", split="train")
    print(rows[0])

For training, make a snapshot of it (rows for trainers, latest revisions, splits, no duplicates):

    plaudit datasets build --root {output} --output snapshot
"""


def agreement_lines(snapshots: Iterable[Snapshot]) -> Iterator[str]:
    """How well each scorer agreed with people, by the model that answered."""
    for snapshot in snapshots:
        if snapshot.window != _WINDOW_S or snapshot.series.variant:
            continue
        for one in agreements(snapshot):
            yield (
                f"{one.scorer} agrees with {one.rater_kind}s on {_interval(one.accuracy)} of "
                f"{one.accuracy.count:,} answers of {snapshot.series.model or 'the unknown model'}; "
                f"AUC {_number(one.auc)}"
            )


def _interval(value: FigureValue) -> str:
    share = "-" if value.value is None else f"{value.value:.0%}"
    return share if value.low is None or value.high is None else f"{share} ({value.low:.0%}-{value.high:.0%})"


def _number(value: FigureValue) -> str:
    return "-" if value.value is None else f"{value.value:.2f}"
