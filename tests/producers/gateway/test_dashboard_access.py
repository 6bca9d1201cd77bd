"""Who sees the dashboard without a key: only who is at the gateway's own machine."""

from collections.abc import Callable

import httpx
import pytest
from plaudit_producers.gateway.dashboard.local import is_local
from starlette.requests import Request

from tests.support.gateway import Gateway

HERE = "127.0.0.1"


def request(client: str | None, host: str = "localhost:8080", **headers: str) -> Request:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "headers": raw, "client": client and (client, 5000)})


@pytest.mark.parametrize(
    ("client", "host"),
    [(HERE, "127.0.0.1:8080"), (HERE, "localhost"), ("::1", "[::1]:8080"), ("127.8.8.8", "[::1]")],
)
def test_this_machine_is_local(client: str, host: str) -> None:
    assert is_local(request(client, host))


@pytest.mark.parametrize(
    "elsewhere",
    [
        request("192.0.2.7"),
        request("2001:db8::1"),
        request(None),
        request("localhost.example"),
        request(HERE, "gateway.example"),
        request(HERE, ""),
        request(HERE, "["),
        request(HERE, "127.0.0.1.example:8080"),
        request(HERE, forwarded="for=192.0.2.7"),
        request(HERE, x_forwarded_for=HERE),
        request(HERE, x_forwarded_proto="https"),
        request(HERE, x_real_ip="192.0.2.7"),
        request(HERE, via="1.1 proxy"),
    ],
)
def test_whoever_may_be_elsewhere_is_not(elsewhere: Request) -> None:
    assert not is_local(elsewhere)


def status(gateway: Gateway, **headers: str) -> int:
    """What a viewer without a key is answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.stream("GET", f"{gateway.url}/dashboard/stream", headers=named, timeout=30) as answer:
        return answer.status_code


@pytest.mark.kafka
@pytest.mark.redis
def test_behind_a_proxy_the_dashboard_asks_for_a_key(gateways: Callable[..., Gateway]) -> None:
    plain = gateways().start()
    assert status(plain) == 200
    assert status(plain, X_Forwarded_For="192.0.2.7") == 401
    assert status(plain, Host="gateway.example") == 401
    assert plain.stop() == 0
    behind = gateways(gateway_trusted_proxies=HERE).start()
    assert status(behind) == 401
    assert behind.stop() == 0
    opened = gateways(gateway_trusted_proxies=HERE, dashboard_access="open").start()
    assert status(opened, X_Forwarded_For="192.0.2.7") == 200
