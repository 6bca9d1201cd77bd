"""The web application: Gradio's page, and around it health, signals, style and scripts."""

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Final

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.web_routes import file_route, health_routes
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.gradio_app import gradio_app
from plaudit_producers.chat.page.guard import PageGuard
from plaudit_producers.chat.page.health import CHAT_METRICS, DeliveryHealth
from plaudit_producers.chat.page.signals import SIGNALS_PATH, take_signals
from plaudit_producers.chat.visitor_cookies import VisitorCookies

_FILES: Final = {"chat.css": "text/css", "chat.js": "text/javascript", "icon.svg": "image/svg+xml"}


def create_app(
    make: Callable[[], ChatCore],
    stopping: Callable[[], bool],
    metrics: MetricSet | None = None,
    *,
    serves_metrics: bool = True,
) -> Starlette:
    """The application. It makes the core when it starts, in the event loop that serves it.

    If the start fails, the error is raised and kept at `app.state.failure`.

    Args:
        stopping: whether the server is stopping. Answers are not followed any more then.
        metrics: with CHAT_METRICS; None makes a set.
        serves_metrics: whether it has a route for them.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            core = make()
        except PlauditError as error:
            app.state.failure = error
            raise
        page = gradio_app(core, stopping)
        app.state.core = core
        app.state.health = DeliveryHealth(core.producer.stats, metrics or MetricSet(CHAT_METRICS)).health()
        app.router.routes += [
            *health_routes(app.state.health, metrics=serves_metrics),
            Mount("/", app=page),
        ]
        try:
            async with page.router.lifespan_context(page):
                yield
        finally:
            await core.aclose()

    def cookies() -> VisitorCookies:
        core: ChatCore = app.state.core
        return core.cookies

    app = Starlette(
        routes=[
            *(file_route(f"/{name}", _static(name), media_type) for name, media_type in _FILES.items()),
            Route(SIGNALS_PATH, take_signals, methods=["POST"]),
        ],
        middleware=[Middleware(PageGuard, cookies=cookies, stopping=stopping)],
        lifespan=lifespan,
    )
    app.state.failure = app.state.health = None
    return app


def _static(name: str) -> bytes:
    return (files("plaudit_producers.chat.page") / "static" / name).read_bytes()
