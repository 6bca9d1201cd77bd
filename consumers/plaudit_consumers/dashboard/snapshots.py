"""Metric snapshots as values: one series over one window, with its figures."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Record


class Series(NamedTuple):
    """What figures are about. An empty text stands for an unknown model or version, or for all variants."""

    application: str
    model: str
    model_version: str
    variant: str
    source: str

    @property
    def model_name(self) -> str:
        """The model with its version, for people."""
        return " ".join(part for part in (self.model or "unknown", self.model_version) if part)


class FigureId(NamedTuple):
    """Identifies a figure. Dimensions that do not apply are empty."""

    name: str
    rater_kind: str = ""
    scale: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class FigureValue:
    """The value of a figure with its 95 % interval.

    Attributes:
        count: votes, answers or whatever the figure is computed from.
        voters: conversations that voted.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    standard_error: float | None = None
    voters: int = 0


class Snapshot(NamedTuple):
    """The figures of one series over one window.

    Attributes:
        window: its length in seconds.
        at: its end, in microseconds since 1970.
        immature: the window is too short for the feedback of its answers to have arrived.
    """

    window: int
    at: int
    series: Series
    immature: bool
    figures: Mapping[FigureId, FigureValue]

    def figure(self, name: str) -> FigureValue | None:
        """A figure without dimensions; None if the snapshot lacks it."""
        return self.figures.get(FigureId(name))

    def voted(self, name: str, rater_kind: str = "user") -> list[tuple[FigureId, FigureValue]]:
        """All figures of a name that is voted on, by one kind of rater, those with the most votes first."""
        found = [
            (which, value)
            for which, value in self.figures.items()
            if which.name == name and which.rater_kind == rater_kind and value.value is not None
        ]
        return sorted(found, key=lambda pair: (-pair[1].count, pair[0]))


def from_record(record: Record) -> Snapshot:
    """The snapshot in a decoded MetricSnapshot record."""
    return Snapshot(
        record["window_seconds"],
        record["at"],
        Series(*(record[name] for name in Series._fields)),
        record["immature"],
        {
            FigureId(*(figure[name] for name in FigureId._fields)): FigureValue(
                *(figure[name] for name in FigureValue.__slots__)
            )
            for figure in record["figures"]
        },
    )


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as JSON for the page, with figures as a list."""
    return {
        "window": snapshot.window,
        "at": snapshot.at,
        **snapshot.series._asdict(),
        "immature": snapshot.immature,
        "figures": [_figure_json(which, value) for which, value in sorted(snapshot.figures.items())],
    }


def _figure_json(which: FigureId, value: FigureValue) -> dict[str, Any]:
    return {**{name: text for name, text in which._asdict().items() if text}, **asdict(value)}


def judged(snapshots: Iterable[Snapshot], window: int) -> list[Snapshot]:
    """The snapshots of a window that alerts are evaluated on: no single arms of experiments, no imports."""
    return [
        snapshot
        for snapshot in snapshots
        if snapshot.window == window and not snapshot.series.variant and snapshot.series.source != "import"
    ]
