"""Server-sent events for a viewer of the dashboard: the past once, then each round."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple

import orjson
from plaudit_schemas.alerts import aspect_definitions, definitions
from plaudit_schemas.contract.aspects import OTHER_APPLICATIONS, Aspects

from plaudit_consumers.dashboard.conditions import ActiveAlert
from plaudit_consumers.dashboard.feedback import FeedbackItem
from plaudit_consumers.dashboard.history import Point
from plaudit_consumers.dashboard.live import LiveData
from plaudit_consumers.dashboard.snapshots import Snapshot, as_json

_AT_LEAST_EVERY_S: Final = 2.0
"""A round is sent this often even without news: the page takes a longer silence for a lost connection."""
_ALERTS: Final = {alert.alert: alert for alert in (*definitions().alerts, *aspect_definitions().alerts)}
_SHOWN_OF_ASPECT: Final = {"direction", "minimum", "maximum", "description"}


class Viewer(NamedTuple):
    """What one viewer looks at and may see.

    Attributes:
        window: in seconds.
        application: the only application shown; None shows all.
        admin_of: the application whose texts are shown; None shows no texts.
    """

    window: int
    application: str | None
    admin_of: str | None

    def sees(self, application: str) -> bool:
        """Whether the figures of an application are shown."""
        return self.application is None or self.application == application


async def stream_events(
    data: LiveData, viewer: Viewer, is_over: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield server-sent events until `is_over`. If the viewer leaves, the caller closes the generator."""
    with data.viewing():
        told = {"texts": viewer.admin_of, "application": viewer.application}
        yield _event("hello", {**told, "aspects": aspects_of(data.monitor.aspects, viewer)})
        # Short waits, so that the end of a session is noticed soon even if nothing comes.
        while not data.loaded and not await is_over():
            await data.wait_for_change(0.5)
        yield _event("past", past_of(data, viewer))
        history = data.monitor.history
        shown, number = 0, 0
        while not await is_over():
            body = status_of(data, viewer)
            fresh = [(n, item) for n, item in data.feedback if n > number and viewer.sees(item.application)]
            if fresh:
                number = fresh[-1][0]
                body["feedback"] = [_feedback(viewer, item) for _, item in fresh]
            if history.taken > shown:
                shown = history.taken
                body["series"] = [as_json(snapshot) for snapshot in _snapshots_of(data, viewer)]
            yield _event("round", body)
            began = time.monotonic()
            while not await is_over() and time.monotonic() - began < _AT_LEAST_EVERY_S:
                await data.wait_for_change(0.5)
                if history.taken > shown or (data.feedback and data.feedback[-1][0] > number):
                    break


def aspects_of(aspects: Aspects, viewer: Viewer) -> dict[str, dict[str, Any]]:
    """What the viewer's applications declare, by application and name."""
    return {
        application: {
            declaration.name: declaration.model_dump(include=_SHOWN_OF_ASPECT) for declaration in declarations
        }
        for application, declarations in aspects
        if application == OTHER_APPLICATIONS or viewer.sees(application)
    }


def past_of(data: LiveData, viewer: Viewer) -> dict[str, Any]:
    """All past points of the viewer's window."""
    return {
        "window": viewer.window,
        "series": [
            {**series._asdict(), "points": [_point(point) for point in points]}
            for (window, series), points in data.monitor.history.past()
            if window == viewer.window and viewer.sees(series.application)
        ],
    }


def status_of(data: LiveData, viewer: Viewer) -> dict[str, Any]:
    """The current state without figures."""
    monitor = data.monitor
    # The number of events covers all applications, so only a viewer who sees them all gets it.
    return {
        "now": monitor.now_us(),
        "newest": monitor.history.newest_at,
        "events": monitor.lag.events if monitor.lag is not None and viewer.application is None else None,
        "waiting": None if monitor.lag is None else monitor.lag.waiting,
        "problem": data.problem,
        "alerts": [_alert(active) for active in monitor.alerts if _concerns(viewer, active)],
    }


def _snapshots_of(data: LiveData, viewer: Viewer) -> list[Snapshot]:
    return [
        snapshot
        for snapshot in data.monitor.history.current()
        if snapshot.window == viewer.window
        and not snapshot.series.variant
        and viewer.sees(snapshot.series.application)
    ]


def _point(point: Point) -> list[Any]:
    at, figures = point
    shown = [
        [*which, value.value, value.low, value.high, value.count] for which, value in sorted(figures.items())
    ]
    return [at, shown]


def _alert(active: ActiveAlert) -> dict[str, Any]:
    name = active.condition.alert
    definition = _ALERTS.get(name)
    return {
        "alert": name,
        "severity": "ticket" if definition is None else definition.severity,
        "subject": active.condition.subject,
        "text": active.condition.text,
        "since": int(active.since * 1e6),
        "pending": active.pending,
        "runbook": () if definition is None else definition.runbook,
    }


def _concerns(viewer: Viewer, active: ActiveAlert) -> bool:
    subject = active.condition.subject
    return not subject or viewer.sees(subject[0])


def _feedback(viewer: Viewer, item: FeedbackItem) -> dict[str, Any]:
    return {**item.shown, **(item.private if viewer.admin_of == item.application else {})}


def _event(name: str, body: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(body))
