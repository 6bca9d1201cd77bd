"""A stand-in for the console's page Review: its static files behind the real one's API, and faults on demand.

It keeps no lease and asks no Redis: it answers what a test laid out, and notes what it was sent.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import uvicorn
from plaudit_infra.console.layout import page_html
from plaudit_infra.console.security import SecurityHeaders
from plaudit_schemas.service.console import ConsolePage, ConsoleUser, PageParts
from plaudit_schemas.service.web_routes import file_route
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from harness.waiting import eventually

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_STATIC = files("plaudit_producers.review") / "static"
PAGE = ConsolePage(
    name="review",
    title="Review",
    order=15,
    package="plaudit_producers.review",
    settings=(),
    roles=frozenset(("reviewer", "lead")),
    create=lambda _connection, _load: PageParts((), _nothing),
)


async def _nothing() -> None:
    """Closes nothing."""


@dataclass
class FakeReview:
    """A queue of items, in their order.

    Attributes:
        queue: the JSON of `GET Q`.
        sent: (what, item, body) of every request that changes something, failed ones too.
        faults: what -> answers to give first, as (status, body).
        quality, disagreements: the lead's JSON.
    """

    queue: dict[str, Any]
    items: list[dict[str, Any]]
    lead: bool = False
    person: str = "ana"
    quality: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    answered: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    url: str = ""

    def fail(self, what: str, status: int, code: str, times: int = 1, **more: Any) -> None:
        """The next requests of this kind end in an error."""
        body = {"detail": f"It fails with {code}.", "code": code, **more}
        self.faults[what] = [(status, body)] * times

    def document(self) -> dict[str, Any]:
        """The JSON of the queue, with progress."""
        done = len(self.answered)
        mine = {"answered": done, "declined": len(self.declined), "leased": 0}
        return {
            **self.queue,
            "may_review": True,
            "progress": {
                "items": len(self.items),
                "done": done,
                "verdicts": done,
                "surplus": 0,
                "leased": 0,
                "declined": 0,
            },
            "mine": {**mine, "last_item": self.answered[-1][0] if self.answered else None},
        }

    def next_item(self) -> dict[str, Any] | None:
        """The first item that is neither answered nor declined."""
        passed = {item for item, _ in self.answered} | set(self.declined)
        return next((item for item in self.items if item["id"] not in passed), None)

    def item(self, name: str) -> dict[str, Any]:
        """The item with this id."""
        return next(item for item in self.items if item["id"] == name)

    async def handle(self, request: Request) -> Response:
        """Answer one request of the API."""
        what, name = request.path_params.get("what", "queue"), request.path_params.get("item", "")
        body = await request.json() if request.method == "POST" else {}
        if request.method == "POST":
            self.sent.append((what, name, body))
        if self.faults.get(what):
            status, problem = self.faults[what].pop(0)
            return JSONResponse(problem, status)
        return JSONResponse(getattr(self, f"_{what}")(name, body))

    async def list(self, _request: Request) -> Response:
        """Answer `GET queues`."""
        if self.faults.get("list"):
            status, problem = self.faults["list"].pop(0)
            return JSONResponse(problem, status)
        return JSONResponse(
            {
                "person": self.person,
                "name": "Ana",
                "lead": self.lead,
                "queues": [self.document()] * bool(self.queue),
            }
        )

    def _queue(self, _name: str, _body: Any) -> Any:
        return self.document()

    def _next(self, _name: str, _body: Any) -> Any:
        return {"item": self.next_item(), "queue": self.document()}

    def _open(self, name: str, _body: Any) -> Any:
        return {"item": self.item(name)}

    def _renew(self, name: str, _body: Any) -> Any:
        return {"lease_ms": self.item(name)["lease_ms"]}

    def _release(self, _name: str, _body: Any) -> Any:
        return {}

    def _submit(self, name: str, body: Any) -> Any:
        if name not in {item for item, _ in self.answered}:
            self.answered.append((name, body["answers"]))
        return {"outcome": "answered", "queue": self.document(), "next": self.next_item()}

    def _decline(self, name: str, _body: Any) -> Any:
        self.declined.append(name)
        return {"queue": self.document(), "next": self.next_item()}

    def _undo(self, _name: str, _body: Any) -> Any:
        name, answers = self.answered.pop()
        return {"item": self.item(name), "answers": answers, "queue": self.document()}

    def _mine(self, _name: str, _body: Any) -> Any:
        return {"mine": self.document()["mine"], "quality": self.own}

    def _quality(self, _name: str, _body: Any) -> Any:
        return self.quality

    def _disagreements(self, _name: str, _body: Any) -> Any:
        return {"items": self.disagreements, "more": False}

    def _answers(self, name: str, _body: Any) -> Any:
        return {
            "item": self.item(name),
            "answers": self.verdicts.get(name, []),
            "adjudicated": {},
            "declined": {},
            "reasons": ["random"],
        }

    def _adjudicate(self, name: str, _body: Any) -> Any:
        self.disagreements = [each for each in self.disagreements if each["item"] != name]
        return {"outcome": "answered"}


@contextmanager
def review_server(fake: FakeReview) -> Iterator[FakeReview]:
    """Serves the page until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(_app(fake), port=0, log_level="warning", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, name="review page")
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), "the page is served")
        fake.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/review"
        yield fake
    finally:
        server.should_exit = True
        thread.join()


def _app(fake: FakeReview) -> Starlette:
    user = ConsoleUser("Ana", "shop", frozenset(("lead" if fake.lead else "reviewer",)))

    async def show(_request: Request) -> Response:
        return HTMLResponse(page_html(PAGE, user, [PAGE]))

    queue = "/queues/{rubric}/{version}"
    routes: list[BaseRoute] = [
        Route("/queues", fake.list),
        Route(queue, fake.handle),
        Route(queue + "/{what}", fake.handle, methods=["GET", "POST"]),
        Route(queue + "/items/{item}/{what}", fake.handle, methods=["GET", "POST"]),
        *_static("/static", _STATIC),
    ]
    console = _static("/static", files("plaudit_infra.console") / "static")
    return Starlette(
        routes=[Route("/review", show), Mount("/review", routes=routes), *console],
        middleware=[Middleware(SecurityHeaders)],
    )


def _static(path: str, folder: Any) -> list[BaseRoute]:
    found = [entry for entry in folder.iterdir() if "." + entry.name.rpartition(".")[2] in _TYPES]
    return [
        file_route(f"{path}/{each.name}", each.read_bytes(), _TYPES["." + each.name.rpartition(".")[2]])
        for each in found
    ]
