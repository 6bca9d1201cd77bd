"""The dashboard as a page of the console: its stream, and what each viewer may see of it."""

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


def create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    """The dashboard's parts. Nothing is read before somebody looks.

    Raises:
        SettingsError: a setting is wrong.
    """
    data = LiveData(connection, load(DashboardSettings))

    async def stream(request: Request) -> Response:
        window = request.query_params.get("window", "300")
        if window not in map(str, WINDOWS):
            return _problem(422, f"window must be one of {', '.join(map(str, WINDOWS))}")
        if data.viewers >= VIEWERS:
            return _problem(503, f"{VIEWERS} viewers are the most; close another page, or try again later")
        viewer = viewer_of(user_of(request.scope), int(window))
        return StreamingResponse(
            stream_events(data, viewer, lambda: is_over(request.scope)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return PageParts(routes=[Route("/stream", stream)], close=data.close)


def viewer_of(user: ConsoleUser, window: int) -> Viewer:
    """What a user of the console may see: figures of their application; texts with the role admin."""
    return Viewer(window, user.application, user.application if "admin" in user.roles else None)


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
