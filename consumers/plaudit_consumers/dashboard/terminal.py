"""The terminal view of a pipeline: its state as plain values, drawn with rich. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.printable import printable
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from plaudit_consumers.dashboard.conditions import ActiveAlert
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.snapshots import FigureValue, Snapshot
from plaudit_consumers.dashboard.terminal_aspects import aspect_table
from plaudit_consumers.dashboard.terminal_scorers import scorer_table

NOTHING: Final = "-"
_ROWS: Final = 20
_WINDOWS: Final = {60: "1m", 300: "5m", 3600: "1h", 86_400: "24h"}


class ServiceLine(NamedTuple):
    """One process: its name, whether it is well, what it does, and how often it was restarted."""

    name: str
    well: bool
    what: str
    restarts: int


@dataclass(frozen=True, slots=True)
class TerminalState:
    """The state of a pipeline at one moment. None stands for an unknown value.

    Attributes:
        window: the window whose figures are shown, in seconds.
        events: records that the events topic ever got.
        rate: events per second.
        waiting: events that are not folded yet.
        age_s: the age of the newest figures.
        rows: subset -> rows on disk; None if no sink is watched.
        notes: recent happenings, oldest first.
        addresses: lines that name other places to look at.
        aspects: those that applications declare.
    """

    window: int
    snapshots: Sequence[Snapshot] = ()
    alerts: Sequence[ActiveAlert] = ()
    events: int | None = None
    rate: float | None = None
    waiting: int | None = None
    open_conversations: int | None = None
    age_s: float | None = None
    rows: Mapping[str, int] | None = None
    services: Sequence[ServiceLine] = ()
    notes: Sequence[str] = ()
    addresses: Sequence[str] = ()
    aspects: Aspects = field(default_factory=Aspects.none)


def state_of(monitor: LineMonitor, window: int) -> TerminalState:
    """The current state from a monitor; `window` is in seconds."""
    lag, newest_at = monitor.lag, monitor.history.newest_at
    return TerminalState(
        window=window,
        snapshots=monitor.history.current(),
        alerts=monitor.alerts,
        aspects=monitor.aspects,
        events=None if lag is None else lag.events,
        rate=monitor.events_per_second(),
        waiting=None if lag is None else lag.waiting,
        age_s=max(0.0, (monitor.now_us() - newest_at) / 1e6) if newest_at else None,
    )


def screen(state: TerminalState, title: str = "Plaudit") -> RenderableType:
    """The whole view."""
    parts: list[RenderableType] = [Panel(_numbers(state), title=title, title_align="left")]
    if state.services:
        parts.append(_services(state))
    # A terminal with few rows cuts off the end, so what must not be missed comes first.
    parts += [_alerts(state), *(Text(line, style="bold") for line in state.addresses), _models(state)]
    shown = [s for s in state.snapshots if s.window == state.window and not s.series.variant]
    aspects = aspect_table(shown, state.aspects)
    parts += [table for table in (aspects, scorer_table(shown)) if table is not None]
    parts += [Text(note, style="dim") for note in state.notes]
    return Group(*parts)


def window_name(seconds: int) -> str:
    """The name of a window, as in the metrics."""
    return _WINDOWS.get(seconds, f"{seconds}s")


def _numbers(state: TerminalState) -> Columns:
    cells = [
        ("events in", _whole(state.events)),
        ("per second", NOTHING if state.rate is None else f"{state.rate:,.0f}"),
        ("waiting", _whole(state.waiting)),
        ("open conversations", _whole(state.open_conversations)),
        ("figures' age", NOTHING if state.age_s is None else f"{state.age_s:.0f} s"),
    ]
    for subset, rows in (state.rows or {}).items():
        cells.append((f"{subset} rows", _whole(rows)))
    return Columns(
        [Text.assemble((f"{name} ", "dim"), (value, "bold")) for name, value in cells], padding=(0, 3)
    )


def _services(state: TerminalState) -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    for service in state.services:
        mark = Text("● ", style="green") if service.well else Text("○ ", style="bold red")
        again = f"started again {service.restarts} x" if service.restarts else ""
        table.add_row(mark + Text(service.name), service.what, Text(again, style="yellow"))
    return table


def _alerts(state: TerminalState) -> RenderableType:
    if not state.alerts:
        return Text("no alerts", style="green")
    lines = [
        f"{alert.condition.alert}: {alert.condition.text}{' (pending)' if alert.pending else ''}"
        for alert in state.alerts
    ]
    confirmed = any(not alert.pending for alert in state.alerts)
    return Panel(
        Text("\n".join(map(printable, lines))),
        title="ALERT" if confirmed else "PENDING: becomes an alert if it lasts",
        title_align="left",
        border_style="bold red" if confirmed else "yellow",
    )


def _models(state: TerminalState) -> RenderableType:
    shown = [s for s in state.snapshots if s.window == state.window and not s.series.variant]
    if not shown:
        return Text(f"no figures over {window_name(state.window)} yet", style="dim")
    table = Table(
        title=f"over the last {window_name(state.window)}, with 95 % intervals", title_justify="left",
        box=None, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    table.add_column("model", overflow="fold")
    for name in ("rating 1-5", "votes", "accuracy", "rated", "ignored", "p95", "answers"):
        table.add_column(name, justify="right", no_wrap=True)
    busiest = sorted(shown, key=lambda s: (-_count(s.figure("messages_assistant")), s.series))
    for snapshot in busiest[:_ROWS]:
        table.add_row(*(Text(printable(cell)) for cell in _row(snapshot)))
    if len(busiest) > _ROWS:
        table.caption, table.caption_justify = f"the busiest {_ROWS} of {len(busiest)} models", "left"
    return table


def _row(snapshot: Snapshot) -> list[str]:
    series = snapshot.series
    name = series.model_name
    satisfaction = next((value for _, value in snapshot.voted("satisfaction")), None)
    kinds = ("user", "reviewer", "model")
    accuracy = next((value for kind in kinds for _, value in snapshot.voted("accuracy", kind)), None)
    latency = snapshot.figure("response_latency_ms_p95")
    return [
        name if series.source in ("", "sdk", "gateway") else f"{name} ({series.source})",
        _interval(satisfaction, "{:.2f}", "{:.1f}"),
        _whole(_count(satisfaction)),
        _interval(accuracy, "{:.0%}", "{:.0f}", 100),
        _interval(snapshot.figure("coverage"), "{:.0%}"),
        _interval(snapshot.figure("ignore_rate"), "{:.0%}"),
        NOTHING if latency is None or latency.value is None else f"{latency.value / 1000:.1f} s",
        _whole(_count(snapshot.figure("messages_assistant"))),
    ]


def _interval(value: FigureValue | None, form: str, ends: str = "", times: int = 1) -> str:
    if value is None or value.value is None:
        return NOTHING
    text = form.format(value.value)
    if not ends or value.low is None or value.high is None:
        return text
    return f"{text} {ends.format(value.low * times)}-{ends.format(value.high * times)}"


def _count(value: FigureValue | None) -> int:
    return 0 if value is None else value.count


def _whole(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"
