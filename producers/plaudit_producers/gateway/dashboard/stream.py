"""What a viewer is sent: the past once, then each round, as server-sent events."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import orjson
from plaudit_schemas.alerts import definitions

from plaudit_producers.board.alerts import Firing
from plaudit_producers.board.board import Point
from plaudit_producers.board.snapshots import Snapshot, as_json
from plaudit_producers.gateway.dashboard.hub import Hub

_AT_LEAST_EVERY_S = 2.0
_RUNBOOKS = {alert.alert: alert.runbook for alert in definitions().alerts}
_SEVERITIES = {alert.alert: alert.severity for alert in definitions().alerts}


class Viewer(NamedTuple):
    """Who looks at what.

    Attributes:
        window: in seconds.
        application: the only one that is shown; None for all.
        admin_of: the application whose texts are shown; None for none.
    """

    window: int
    application: str | None
    admin_of: str | None

    def sees(self, application: str) -> bool:
        """Whether an application's figures are shown."""
        return self.application is None or self.application == application


async def messages(hub: Hub, viewer: Viewer, stopping: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Server-sent events until the gateway stops; the caller drops it when the viewer leaves."""
    with hub.viewer():
        yield _message("hello", {"texts": viewer.admin_of, "application": viewer.application})
        while not hub.loaded and not stopping():
            await hub.changed(0.5)
        yield _message("past", past(hub, viewer))
        shown_at, number = 0, 0
        while not stopping():
            body = pulse(hub, viewer)
            fresh = [(n, seen) for n, seen in hub.feedback if n > number and viewer.sees(seen.application)]
            if fresh:
                number = fresh[-1][0]
                body["feedback"] = [_feedback(viewer, seen.application, seen) for _, seen in fresh]
            if hub.board.newest_at > shown_at:
                shown_at = hub.board.newest_at
                body["series"] = [as_json(snapshot) for snapshot in _of(hub, viewer)]
            yield _message("round", body)
            began = time.monotonic()
            while not stopping() and time.monotonic() - began < _AT_LEAST_EVERY_S:
                await hub.changed(0.5)
                if hub.board.newest_at > shown_at or (hub.feedback and hub.feedback[-1][0] > number):
                    break


def past(hub: Hub, viewer: Viewer) -> dict[str, Any]:
    """Every point of the viewer's window that the board still has."""
    return {
        "window": viewer.window,
        "series": [
            {**series._asdict(), "points": [_point(point) for point in points]}
            for (window, series), points in hub.board.past()
            if window == viewer.window and viewer.sees(series.application)
        ],
    }


def pulse(hub: Hub, viewer: Viewer) -> dict[str, Any]:
    """What is true now, without figures."""
    return {
        "now": int(time.time() * 1e6),
        "newest": hub.board.newest_at,
        "events": hub.events if viewer.application is None else None,
        "waiting": hub.waiting,
        "problem": hub.problem,
        "alerts": [_alert(firing) for firing in hub.alerts if _concerns(viewer, firing)],
    }


def _of(hub: Hub, viewer: Viewer) -> list[Snapshot]:
    return [
        snapshot
        for snapshot in hub.board.current()
        if snapshot.window == viewer.window
        and not snapshot.series.variant
        and viewer.sees(snapshot.series.application)
    ]


def _point(point: Point) -> list[Any]:
    at, figures = point
    return [
        at,
        [
            [
                which.name,
                which.rater_kind,
                which.scale,
                which.level,
                value.value,
                value.low,
                value.high,
                value.count,
            ]
            for which, value in sorted(figures.items())
        ],
    ]


def _alert(firing: Firing) -> dict[str, Any]:
    name = firing.condition.alert
    return {
        "alert": name,
        "severity": _SEVERITIES.get(name, "ticket"),
        "subject": firing.condition.subject,
        "text": firing.condition.text,
        "since": int(firing.since * 1e6),
        "pending": firing.pending,
        "runbook": _RUNBOOKS.get(name, ()),
    }


def _concerns(viewer: Viewer, firing: Firing) -> bool:
    subject = firing.condition.subject
    return not subject or viewer.sees(subject[0])


def _feedback(viewer: Viewer, application: str, seen: Any) -> dict[str, Any]:
    return {**seen.shown, **(seen.private if viewer.admin_of == application else {})}


def _message(event: str, body: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(body))
