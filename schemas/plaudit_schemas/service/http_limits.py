"""What a web server grants a connection: sizes, times, and what those over a limit are told."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

from plaudit_schemas.service.metrics import Metric
from plaudit_schemas.settings.http import HttpSettings


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of a web server. Sizes are in bytes, times in seconds.

    Attributes:
        connections: that are open at the same time.
        address_connections: of these from one address (from one /64 of IPv6). Trusted proxies are exempt.
        reserve: further connections, which get health and metrics only. A new one displaces the oldest.
        head_bytes: request line and headers together. Trailers and the framing of chunks count too.
        headers: their number.
        pipelined: requests that wait on a connection for the answer to the one before.
        head_s: from the first byte, or the opening of the connection, to the end of the headers.
        body_s: from there to the end of the body.
        stalled_s: within which a client must take `stalled_bytes` of its answer, or all that there is.
        linger_s: how long a refused client may still send, so that it can read why it was refused.
    """

    connections: int = 2000
    address_connections: int = 256
    reserve: int = 128
    head_bytes: int = 32 << 10
    headers: int = 100
    pipelined: int = 16
    head_s: float = 10.0
    body_s: float = 60.0
    stalled_s: float = 60.0
    stalled_bytes: int = 4096
    linger_s: float = 2.0


def limits_of(settings: HttpSettings, *, body_s: float = 60.0) -> HttpLimits:
    """The limits by settings, for an application that reads a body for at most `body_s` seconds."""
    return HttpLimits(
        connections=settings.http_connections,
        address_connections=settings.http_address_connections,
        body_s=max(60.0, body_s),
    )


class HttpRefusal(NamedTuple):
    """Why a connection or request is refused.

    Attributes:
        reason: the label of `plaudit_http_refused_total`.
        status: of the answer.
        detail: what the client is told.
    """

    reason: str
    status: HTTPStatus
    detail: str

    def answer(self) -> bytes:
        """The whole answer, as it is sent over a connection that closes then."""
        body = self.body()
        lines = [f"HTTP/1.1 {int(self.status)} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers(len(body))]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def headers(self, length: int) -> list[tuple[str, str]]:
        """The headers of an answer with a body of `length` bytes."""
        retry = [("retry-after", "1")] if self.status in (429, 503) else []
        return [
            ("content-type", "application/problem+json"),
            ("content-length", str(length)),
            ("connection", "close"),
            *retry,
        ]

    def body(self) -> bytes:
        """Problem details as in RFC 9457."""
        problem = {"title": self.status.phrase, "status": int(self.status), "detail": self.detail}
        return json.dumps(problem).encode()


FULL: Final = HttpRefusal(
    "connections", HTTPStatus.SERVICE_UNAVAILABLE, "the server has too many connections; try again later"
)
ADDRESS_FULL: Final = HttpRefusal(
    "address_connections",
    HTTPStatus.TOO_MANY_REQUESTS,
    "your address has too many connections; use fewer, and keep them open",
)
LARGE_HEAD: Final = HttpRefusal(
    "large_headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too many or too large"
)
LATE_HEAD: Final = HttpRefusal(
    "late_headers", HTTPStatus.REQUEST_TIMEOUT, "the headers took too long; send them at once"
)
LATE_BODY: Final = HttpRefusal(
    "late_body", HTTPStatus.REQUEST_TIMEOUT, "the body took too long; send less at once"
)
NO_HTTP: Final = HttpRefusal("invalid", HTTPStatus.BAD_REQUEST, "this is not a valid HTTP/1.1 request")
# The parser takes what follows such a head for another protocol, so the body would be lost.
UPGRADES: Final = NO_HTTP._replace(
    detail="the server speaks HTTP/1.1 alone: a request with a body must not ask for another (Upgrade); "
    "set the client to HTTP/1.1"
)
PIPELINED: Final = HttpRefusal(
    "pipelined", HTTPStatus.TOO_MANY_REQUESTS, "too many requests at once on one connection"
)
STALLED: Final = HttpRefusal("stalled_reader", HTTPStatus.REQUEST_TIMEOUT, "the answer was not taken")

HTTP_REFUSALS: Final = (
    FULL, ADDRESS_FULL, LARGE_HEAD, LATE_HEAD, LATE_BODY, NO_HTTP, PIPELINED, STALLED
)  # fmt: skip

HTTP_METRICS: Final = (
    Metric("plaudit_http_connections", "gauge", "Open connections to the web server."),
    Metric(
        "plaudit_http_refused_total",
        "counter",
        "Connections refused or cut, by reason.",
        ("reason",),
        values=(tuple(refusal.reason for refusal in HTTP_REFUSALS),),
    ),
)
"""The metrics of every web server."""


def is_large(url: bytes, headers: Iterable[tuple[bytes, bytes]], limits: HttpLimits) -> bool:
    """Whether the head of a request is over the limits."""
    count, size = 0, len(url)
    for name, value in headers:
        count += 1
        size += len(name) + len(value) + 4
    return count > limits.headers or size > limits.head_bytes
