"""`/`, its files, and `/dashboard/stream`."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from plaudit_producers.gateway.admission import admit, spend
from plaudit_producers.gateway.dashboard.hub import Hub
from plaudit_producers.gateway.dashboard.local import is_local
from plaudit_producers.gateway.dashboard.settings import DashboardSettings, access_of
from plaudit_producers.gateway.dashboard.stream import Viewer, messages
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.services import services_of

WINDOWS = (60, 300, 3600, 86_400)
VIEWERS = 100
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
}


def dashboard_router(settings: DashboardSettings, host: str) -> APIRouter | None:
    """The dashboard's routes for a gateway that binds `host`; None where it is off."""
    access = access_of(settings, host)
    if access == "off":
        return None
    hubs: list[Hub] = []

    def is_open(request: Request) -> bool:
        if settings.dashboard_access == "auto":
            proxies = services_of(request).settings.gateway_trusted_proxies
            return access == "open" and not proxies and is_local(request)
        return access == "open"

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for hub in hubs:
            await hub.close()

    router = APIRouter(include_in_schema=False, lifespan=lifespan)

    @router.get("/dashboard/stream")
    async def stream(request: Request, window: int = 300) -> Response:
        if window not in WINDOWS:
            raise Problem(422, f"window must be one of {', '.join(map(str, WINDOWS))}")
        viewer = await _viewer(request, window, is_open=is_open(request))
        if not hubs:
            hubs.append(Hub(services_of(request).connection, settings))
        if hubs[0].viewers >= VIEWERS:
            raise Problem(503, "too many look on", retry_after_s=30)
        server = getattr(request.app.state, "server", None)
        return StreamingResponse(
            messages(hubs[0], viewer, lambda: server is not None and bool(server.should_exit)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    _add_files(router)
    return router


async def _viewer(request: Request, window: int, *, is_open: bool) -> Viewer:
    """Who looks on, and what they may see.

    Raises:
        Problem: 401, 403 or 429.
    """
    if "authorization" not in request.headers and is_open:
        return Viewer(window, None, None)
    principal = await admit(request)
    await spend(request, principal, 1)
    if principal.page is not None or not principal.has("reader"):
        raise Problem(403, "the dashboard takes a key with the role reader or admin")
    only = None if is_open else principal.application
    return Viewer(window, only, principal.application if principal.has("admin") else None)


def _add_files(router: APIRouter) -> None:
    root = files("plaudit_producers.gateway.dashboard") / "static"
    names = [entry.name for entry in root.iterdir() if entry.is_file()]
    names += [f"vendor/{entry.name}" for entry in (root / "vendor").iterdir()]
    for name in names:
        suffix = "." + name.rpartition(".")[2]
        if suffix in _TYPES:
            path = "/" if name == "index.html" else f"/dashboard/{name}"
            _serve(router, path, (root / name).read_bytes(), _TYPES[suffix])


def _serve(router: APIRouter, path: str, content: bytes, media_type: str) -> None:
    @router.get(path)
    async def get_file() -> Response:
        return Response(content, headers=_PAGE_HEADERS, media_type=media_type)
