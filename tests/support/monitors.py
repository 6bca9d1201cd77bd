"""What a line's monitor shows, as tests ask for it."""

from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.snapshots import FigureId


def shown_value(monitor: LineMonitor, which: FigureId) -> float | None:
    """The figure over five minutes; None if there is none."""
    for snapshot in monitor.history.current():
        if snapshot.window == 300 and which in snapshot.figures:
            return snapshot.figures[which].value
    return None


def active_alerts(monitor: LineMonitor) -> list[str]:
    """The names of the alerts that are active now."""
    monitor.poll()
    return [active.condition.alert for active in monitor.alerts]
