"""The dashboard as a page of the console: its event stream, and what each viewer may see."""

from typing import Final

from plaudit_schemas.service.console import ConsoleUser, LoadSettings, PageParts, is_over, user_of
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from plaudit_consumers.dashboard.live import LiveData
from plaudit_consumers.dashboard.settings import DashboardSettings
from plaudit_consumers.dashboard.stream import Viewer, stream_events

WINDOWS: Final = (60, 300, 3600, 86_400)
VIEWERS: Final = 100
"""Streams at the same time, at most."""


def create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    """The parts of the dashboard. Nothing is read before the first viewer comes.

    Raises:
        SettingsError: a setting is wrong.
    """
    data = LiveData(connection, load(DashboardSettings))

    async def stream(request: Request) -> Response:
        window = request.query_params.get("window", "300")
        if window not in map(str, WINDOWS):
            return _problem(422, f"window must be one of {', '.join(map(str, WINDOWS))}")
        if data.viewers >= VIEWERS:
            return _problem(
                503,
                f"there are already {VIEWERS} viewers, the maximum; close another page, or try again later",
            )
        viewer = viewer_of(user_of(request.scope), int(window))
        return StreamingResponse(
            stream_events(data, viewer, lambda: is_over(request.scope)),
            media_type="text/event-stream",
            # The second header keeps nginx from buffering the stream.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return PageParts(routes=[Route("/stream", stream)], close=data.close)


def viewer_of(user: ConsoleUser, window: int) -> Viewer:
    """What a user of the console may see: figures of their application, and its texts if they are admin."""
    return Viewer(window, user.application, user.application if "admin" in user.roles else None)


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
