"""A web server of ours in a process of its own, with an application that echoes and answers at length."""

import json
import logging
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plaudit_schemas.service.health import Health
from plaudit_schemas.service.http_limits import HTTP_METRICS, HttpLimits
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.web_routes import health_routes
from plaudit_schemas.service.web_server import Address, HealthPort, WebServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.waiting import eventually

_LISTENS = re.compile(r"listens on (http://\S+)")
_HEALTH = re.compile(r"health and metrics are on (http://\S+)")
LONG_BYTES = 8 << 20


@dataclass(frozen=True)
class LimitedServer:
    """A running server: its address, that of its health if it is another, and its process."""

    url: str
    health_url: str
    process: "subprocess.Popen[bytes]"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def memory_bytes(self) -> int:
        """The memory of the process that is in RAM."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) << 10


@contextmanager
def limited_server(
    folder: Path, *, proxies: str = "", health_port: int | None = None, files: int = 0, **limits: float
) -> Iterator[LimitedServer]:
    """A server with these limits (those of HttpLimits), until the block ends. It must then end well.

    `files` is the limit of its open files, if it is not that of the test.
    """
    given = json.dumps({"limits": limits, "proxies": proxies, "health_port": health_port, "files": files})
    log = folder / "server.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.support.limited_server", given]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        eventually(lambda: bool(_LISTENS.search(log.read_text()) or process.poll()), "the server listens")
        text = log.read_text()
        listens, health = _LISTENS.search(text), _HEALTH.search(text)
        assert listens is not None, text
        yield LimitedServer(listens[1], health[1] if health else listens[1], process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.wait(60)


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def long(_request: Request) -> Response:
    return Response(b"x" * LONG_BYTES)


async def early(_request: Request) -> Response:
    return Response(b"no", 413)


def main(given: str) -> None:
    logging.basicConfig(level=logging.INFO)
    parts = json.loads(given)
    if parts["files"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (parts["files"], parts["files"]))
    metrics = MetricSet(HTTP_METRICS)
    health = Health(metrics.registry, unready=lambda: None)
    routes = [
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/long", long),
        Route("/early", early, methods=["POST"]),
        *health_routes(health, metrics=True),
    ]
    address = Address("127.0.0.1", 0, "PLAUDIT_X_PORT", parts["proxies"])
    server = WebServer(address, "test server", metrics, HttpLimits(**parts["limits"]))
    server.run(Starlette(routes=routes), HealthPort(health, parts["health_port"], "PLAUDIT_Y_PORT"))


if __name__ == "__main__":
    main(sys.argv[1])
