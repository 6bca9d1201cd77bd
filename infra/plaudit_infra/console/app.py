"""The console's web application: sign-in, sessions and pages."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from urllib.parse import parse_qs

from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.console import ConsolePage, ConsoleUser, PageParts, user_of
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.web_routes import file_route, health_routes
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from plaudit_infra.console.access import ConsoleAccess, RequireUser, cookie_name, refuse_user
from plaudit_infra.console.layout import page_html, sign_in_html
from plaudit_infra.console.links import LINK_PATH, SignInLinks
from plaudit_infra.console.security import SecurityHeaders

log = logging.getLogger("plaudit.console")

_OLD_LINK: Final = (
    "This link was used already or is too old. If the console was started with --link, `plaudit status` "
    "prints a new one. An API key signs you in, too."
)
_LOOK_AT_LINK_EVERY_S: Final = 10.0

_LARGEST_FORM_BYTES: Final = 10_000
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def create_app(
    pages: Sequence[tuple[ConsolePage, PageParts]],
    access: ConsoleAccess,
    health: Health,
    stopping: Callable[[], bool],
    *,
    serves_metrics: bool = True,
) -> Starlette:
    """The console with these pages, in their order.

    Args:
        stopping: whether the server is stopping. Streams end then.
        serves_metrics: whether it has a route for them.
    """
    everything = [page for page, _ in pages]
    routes: list[BaseRoute] = [
        Route("/", _home(everything)),
        Route("/sign-in", _SignIn(access).show, methods=["GET"]),
        Route("/sign-in", _SignIn(access).accept, methods=["POST"]),
        Route(LINK_PATH, _SignIn(access).follow, methods=["GET"]),
        Route("/sign-out", _sign_out(access), methods=["POST"]),
        *health_routes(health, metrics=serves_metrics),
        *_static_routes("/static", files("plaudit_infra.console") / "static"),
    ]
    for page, parts in pages:
        routes += _page_routes(page, parts, everything)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        renewing = asyncio.create_task(_keep_link(access.links)) if access.links else None
        yield
        if renewing is not None and access.links is not None:
            renewing.cancel()
            access.links.close()
        for _, parts in pages:
            await parts.close()

    middleware = [
        Middleware(SecurityHeaders),
        Middleware(RequireUser, access=access, pages=everything, stopping=stopping),
    ]
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)


async def _keep_link(links: SignInLinks) -> None:
    """Replace the link whenever it is too old, so that the file always has a good one."""
    while True:
        await asyncio.sleep(_LOOK_AT_LINK_EVERY_S)
        try:
            links.renew_if_old()
        except SettingsError as error:
            log.warning("%s", error)


def _home(pages: Sequence[ConsolePage]) -> Any:
    async def home(request: Request) -> Response:
        user = user_of(request.scope)
        visible = [page for page in pages if page.may_be_seen_by(user)]
        if not visible:
            roles = ", ".join(sorted({role for page in pages for role in page.roles}))
            return refuse_user(
                request.scope, user, f"This key may see no page; there are pages for the roles {roles}."
            )
        return RedirectResponse(f"/{visible[0].name}", 303)

    return home


class _SignIn:
    """Asks for an API key, and begins a session for it."""

    def __init__(self, access: ConsoleAccess) -> None:
        self._access = access

    async def show(self, request: Request) -> Response:
        return HTMLResponse(sign_in_html(_local_path(request.query_params.get("next", "/"))))

    async def accept(self, request: Request) -> Response:
        form = parse_qs((await _body(request)).decode(errors="replace"))
        next_path = _local_path(form.get("next", ["/"])[0])
        try:
            token = await self._access.sign_in(form.get("key", [""])[0].strip())
        except KeyStoreError as error:
            log.warning("nobody can sign in: %s", error)
            return HTMLResponse(
                sign_in_html(next_path, "The key store does not answer; try again later."), 503
            )
        if token is None:
            log.info("a sign-in from %s was refused", request.client.host if request.client else "?")
            problem = "This is not a valid API key, or it was revoked."
            return HTMLResponse(sign_in_html(next_path, problem), 401)
        return self._begun(request, token, next_path)

    async def follow(self, request: Request) -> Response:
        host = request.headers.get("host", "")
        token = self._access.sign_in_by_link(request.query_params.get("token", ""), host)
        if token is None:
            log.info("a link was refused")
            return HTMLResponse(sign_in_html("/", _OLD_LINK), 401)
        return self._begun(request, token, "/")

    def _begun(self, request: Request, token: str, next_path: str) -> Response:
        answer = RedirectResponse(next_path, 303)
        secure = request.url.scheme == "https"
        # Lax, not Strict: a link from an alert must find its reader signed in.
        answer.set_cookie(
            cookie_name(secure=secure), token,
            max_age=self._access.session_s, httponly=True, samesite="lax", secure=secure,
        )  # fmt: skip
        return answer


def _sign_out(access: ConsoleAccess) -> Any:
    async def sign_out(request: Request) -> Response:
        access.sign_out(request.scope)
        answer = RedirectResponse("/sign-in", 303)
        secure = request.url.scheme == "https"
        answer.delete_cookie(cookie_name(secure=secure), httponly=True, samesite="lax", secure=secure)
        return answer

    return sign_out


def _page_routes(page: ConsolePage, parts: PageParts, pages: Sequence[ConsolePage]) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        user: ConsoleUser = user_of(request.scope)
        return HTMLResponse(page_html(page, user, [each for each in pages if each.may_be_seen_by(user)]))

    static = _static_routes("/static", files(page.package) / "static")
    return [
        Route(f"/{page.name}", show, methods=["GET"]),
        Mount(f"/{page.name}", routes=[*static, *parts.routes]),
    ]


def _static_routes(path: str, folder: Traversable) -> list[BaseRoute]:
    """A route for each script, style and image in a folder and its subfolders."""
    routes: list[BaseRoute] = []
    for entry in folder.iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if entry.is_dir():
            routes += _static_routes(f"{path}/{entry.name}", entry)
        elif suffix in _TYPES:
            routes.append(file_route(f"{path}/{entry.name}", entry.read_bytes(), _TYPES[suffix]))
    return routes


async def _body(request: Request) -> bytes:
    """The bytes of a form. A body that is larger than any of our forms is cut."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST_FORM_BYTES:
            break
    return content[:_LARGEST_FORM_BYTES]


def _local_path(text: str) -> str:
    """The path if it is one of the console, else `/`: a sign-in must not lead to another site."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"
