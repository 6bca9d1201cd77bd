"""The text that a finite run prints at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """A finite run in numbers. Seconds count from the start of the traffic."""

    events: int
    rows: Mapping[str, int]
    first_row_s: float | None
    folded_s: float
    on_disk_s: float
    audit: str
    restarts: int


def summary(outcome: DemoOutcome, output: Path) -> str:
    """The text for the terminal, with the lines of Python that open the data."""
    rows = ", ".join(f"{count:,} {subset}" for subset, count in outcome.rows.items()) or "none"
    first = "-" if outcome.first_row_s is None else f"{outcome.first_row_s:.1f} s"
    return f"""
events                     {outcome.events:,}
rows on disk               {rows}
first Parquet row after    {first}
everything folded after    {outcome.folded_s:.1f} s
everything on disk after   {outcome.on_disk_s:.1f} s
processes started again    {outcome.restarts}
audit                      {outcome.audit}

The data is in {output}. Open it with these lines of Python (`. .venv/bin/activate` first, in a checkout):

    from datasets import load_dataset
    rows = load_dataset("{output}", "conversations", split="train")
    print(rows[0])

For training, make a snapshot of it (rows for trainers, latest revisions, splits, no duplicates):

    plaudit datasets build --root {output} --output snapshot
"""
