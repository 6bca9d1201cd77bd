"""One page that sends as fast as it can for a minute, beside ordinary load of a server, on a whole line.

The page has one browser token, sends a megabyte with each request over several connections, and does not
heed `Retry-After`. What must hold: the others wait less than 250 ms in 99 of 100 cases, and Redis grows by no
more than a conversation may hold.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import orjson
import uvloop
from plaudit_schemas.contract.ulid import new_ulid
from redis import Redis

from benchmarks.cases.gateway import opened, paced, running
from benchmarks.report import Row, row
from benchmarks.stage import start, stop
from harness.environ import environ_with
from harness.gateway import Gateway

SECONDS, CONNECTIONS, OTHERS = 60, 8, 200
TEXT = "x" * 1_000_000


def run(repetitions: int) -> list[Row]:
    """Waits of the others without and with the page, what became of its requests, and the memory of Redis."""
    found: dict[str, list[float]] = {}
    for _ in range(repetitions):
        for name, value in _measured().items():
            found.setdefault(name, []).append(value)
    others = f"noisy page: {OTHERS}/s of others"
    return [
        row(f"{others}, alone, p99", "ms", found["alone p99"]),
        row(f"{others}, beside it, p50", "ms", found["p50"]),
        row(f"{others}, beside it, p99", "ms", found["p99"]),
        row("noisy page: its requests that were taken", "requests", found["taken"]),
        row("noisy page: its requests that were refused", "requests", found["refused"]),
        row("noisy page: Redis before", "MiB", found["before"]),
        row("noisy page: Redis after", "MiB", found["after"]),
        row("noisy page: Redis at most", "MiB", found["most"]),
    ]


def _measured() -> dict[str, float]:
    with running() as gateway:
        secret = gateway.key(rate=1e9)
        gateway.start()
        with gateway.client(secret) as client:
            token = client.post("/v1/tokens", json={"conversation_id": "noisy"}).json()["token"]
        with _worker(gateway), Redis.from_url(gateway.connection.redis_url.get_secret_value()) as redis:
            uvloop.run(paced(gateway, secret, OTHERS, 10))  # Kafka's JVM compiles its hot code during this
            alone = uvloop.run(paced(gateway, secret, OTHERS, SECONDS / 4))
            return {
                "alone p99": quantiles(alone, n=100)[98] * 1000,
                **uvloop.run(_beside(gateway, secret, token, redis)),
            }


async def _beside(gateway: Gateway, secret: str, token: str, redis: Any) -> dict[str, float]:
    statuses, before, used = Counter[int](), _used_mib(redis), list[float]()
    connections = await opened(gateway, token, CONNECTIONS)
    until = time.monotonic() + SECONDS

    async def insist(number: int) -> None:
        connection = connections[number]
        while time.monotonic() < until:
            if not connection.is_open():
                (connection,) = await opened(gateway, token, 1)
            try:
                statuses[await connection.post(_message())] += 1
            except OSError:  # closed in the middle of a request
                statuses[0] += 1
        connection.close()

    async def watch() -> None:
        while time.monotonic() < until:
            used.append(await asyncio.to_thread(_used_mib, redis))
            await asyncio.sleep(0.2)

    noisy = [asyncio.create_task(insist(number)) for number in range(CONNECTIONS)]
    watching = asyncio.create_task(watch())
    waits = await paced(gateway, secret, OTHERS, SECONDS)
    await asyncio.gather(*noisy, watching)
    cuts = quantiles(waits, n=100)
    taken = statuses.pop(200, 0)
    print(f"answers to the page: 200: {taken}, {dict(statuses)}", flush=True)
    return {
        "p50": cuts[49] * 1000, "p99": cuts[98] * 1000, "taken": taken, "refused": statuses.total(),
        "before": before, "after": _used_mib(redis), "most": max(used),
    }  # fmt: skip


def _message() -> bytes:
    body = {"type": "AddMessage", "message_id": new_ulid(), "role": "user", "content": TEXT}
    return orjson.dumps({"event_id": new_ulid(), "body": body})


def _used_mib(redis: Any) -> float:
    return float(redis.info("memory")["used_memory"]) / 2**20


@contextmanager
def _worker(gateway: Gateway) -> Iterator[None]:
    connection = gateway.connection
    environment = environ_with(
        bootstrap_servers=connection.bootstrap_servers,
        redis_url=connection.redis_url.get_secret_value(),
        topic_prefix=connection.topic_prefix,
        partitions=str(connection.partitions),
        web_port="0",
    )
    line = [str(Path(sys.executable).parent / "plaudit"), "worker"]
    process = start(line, environment, gateway.folder / "worker.log")
    try:
        yield
    finally:
        stop(process)
