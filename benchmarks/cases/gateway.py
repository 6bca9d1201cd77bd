"""The gateway over HTTP with a real Kafka: events a second in batches of 50, and how long single events wait.

The baseline is bare confluent-kafka, which produces the same bytes and waits for their acks. Clients,
gateway, Kafka and Valkey share the machine.

*Core* is events a second of the gateway's own processor time, which does not depend on other load. The wait
of a single event counts from the moment when the event was due, so a stall counts for every event that was
due during it. The last case measures clients that stay within their limit while 1,000 clients of another key
do not.
"""

import asyncio
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import orjson
import psutil
import uvloop
from confluent_kafka import Producer
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.intake.events import EventIntake, parse_events
from plaudit_producers.gateway.intake.outcomes import OutgoingEvent
from plaudit_producers.sdk.options import ProducerOptions
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

from benchmarks.report import Row, row
from harness.gateway import Gateway

BATCH, BATCHES, CONNECTIONS = 50, 1200, 16
RATE, SECONDS = 1000, 10
CROWD, OTHERS = 1000, 20
TEXT = "The parcel left our house this morning 😀 and will be with you tomorrow. " * 4


def batches(count: int) -> list[bytes]:
    """Bodies of BATCH events each. They are turns of 500 conversations, with at least 350 bytes an event."""
    made = []
    for number in range(count):
        events = [_event(number * BATCH + n) for n in range(BATCH)]
        made.append(orjson.dumps(events))
    return made


def _event(number: int) -> dict[str, Any]:
    role = "assistant" if number % 2 else "user"
    body = {"type": "AddMessage", "message_id": new_ulid(), "role": role, "content": TEXT}
    return {
        "event_id": new_ulid(), "conversation_id": f"chat-{number % 500}",
        "occurred_at": "2026-11-21T12:00:00.123Z", "body": body,
    }  # fmt: skip


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends one request at a time. It reads no more HTTP than it needs."""

    def __init__(self, host: str, port: int, secret: str) -> None:
        self._address = host, port
        self._head = (
            f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._received = b""

    async def open(self) -> "Connection":
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[int] | None = None
        self._transport, _ = await self._loop.create_connection(lambda: self, *self._address)
        return self

    def post(self, body: bytes) -> "asyncio.Future[int]":
        """Send a request. The future gives the status; the body of the answer is dropped."""
        self._answer = self._loop.create_future()
        self._transport.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            self._received = b""
            answer, self._answer = self._answer, None
            assert answer is not None
            answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._answer.set_exception(error or ConnectionError("the gateway closed the connection"))

    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()


async def opened(gateway: Gateway, secret: str, count: int) -> list[Connection]:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    return list(await asyncio.gather(*(Connection(host, int(port), secret).open() for _ in range(count))))


async def batched(gateway: Gateway, secret: str, bodies: list[bytes]) -> float:
    """Acknowledged events a second, over CONNECTIONS connections."""
    connections, left = await opened(gateway, secret, CONNECTIONS), iter(bodies)

    async def work(connection: Connection) -> None:
        for body in left:
            assert await connection.post(body) == 200

    began = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    taken = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return len(bodies) * BATCH / taken


async def paced(gateway: Gateway, secret: str, rate: int, seconds: float) -> list[float]:
    """How long each single event waited, in seconds from when it was due to its answer."""
    connections = await opened(gateway, secret, 200)
    free, queue, waits, all_answered = deque(connections), deque[tuple[float, bytes]](), [], asyncio.Event()
    bodies = [orjson.dumps(_event(number)) for number in range(int(rate * seconds))]

    def send() -> None:
        while free and queue:
            connection = free.popleft()  # in turns, because the gateway closes connections that stay idle
            if not connection.is_open():
                continue
            due, body = queue.popleft()
            connection.post(body).add_done_callback(partial(answered, connection, due))

    def answered(connection: Connection, due: float, answer: "asyncio.Future[int]") -> None:
        assert answer.result() == 200
        waits.append(time.perf_counter() - due)
        free.append(connection)
        send()
        if len(waits) == len(bodies):
            all_answered.set()

    began = time.perf_counter() + 0.1
    for number, body in enumerate(bodies):
        due = began + number / rate
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        queue.append((due, body))
        send()
    async with asyncio.timeout(120):
        await all_answered.wait()
    for connection in connections:
        connection.close()
    return waits


async def crowded(gateway: Gateway, limited: str, secret: str, seconds: float) -> tuple[list[float], int]:
    """Waits in seconds of the clients within their limit, and how many requests of the crowd were refused."""
    crowd, stop, refused = await opened(gateway, limited, CROWD), asyncio.Event(), 0
    body = orjson.dumps(_event(0))

    async def insist(connection: Connection) -> None:
        nonlocal refused
        while not stop.is_set():
            status = await connection.post(body)
            refused += status == 429
            await asyncio.sleep(1.0)

    insisting = [asyncio.create_task(insist(connection)) for connection in crowd]
    await asyncio.sleep(1.0)
    waits = await paced(gateway, secret, OTHERS * 10, seconds)
    stop.set()
    await asyncio.gather(*insisting)
    for connection in crowd:
        connection.close()
    return waits, refused


def bare(settings: ConnectionSettings, bodies: list[bytes]) -> float:
    """Acknowledged events a second of confluent-kafka alone, with the gateway's options."""
    intake = EventIntake(EventEncoder().encode, None, None, Aspects.none())
    principal = Principal("shop", "k", frozenset({"producer"}))
    taken = [intake.take_event(principal, document) for body in bodies for document in parse_events(body)]
    messages = [(each.identity[0], each.payload) for each in taken if isinstance(each, OutgoingEvent)]
    options = {**ProducerOptions(linger_ms=5).kafka(), "enable.idempotence": True, "acks": "all"}
    producer: Any = Producer({**options, **settings.kafka(), "partitioner": "murmur2_random"})
    producer.produce(settings.topic_prefix + EVENTS, b"", b"warm")
    producer.flush(60)
    began = time.perf_counter()
    for key, payload in messages:
        while True:
            try:
                producer.produce(settings.topic_prefix + EVENTS, payload, key)
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(120) == 0
    return len(messages) / (time.perf_counter() - began)


@contextmanager
def running() -> Iterator[Gateway]:
    """A gateway with its own Kafka and Valkey, not started yet."""
    with tempfile.TemporaryDirectory() as name:
        kafka, valkey = KafkaServer(Path(name) / "kafka"), ValkeyServer(Path(name) / "valkey")
        kafka.start()
        valkey.start()
        connection = ConnectionSettings(
            bootstrap_servers=kafka.address, redis_url=SecretUrl(valkey.address),
            topic_prefix="bench-", partitions=6,
        )  # fmt: skip
        ensure(connection)
        # All clients come from one address.
        gateway = Gateway(connection, Path(name), {"http_address_connections": "2000"})
        try:
            yield gateway
        finally:
            if gateway.process is not None:
                gateway.stop()
            valkey.stop()
            kafka.stop()


def run(repetitions: int) -> list[Row]:
    """Rates of batches, waits of single events, and waits beside a crowd that is over its limit."""
    found: dict[str, list[float]] = {name: [] for name in ("bare", "rate", "core", "p50", "p99", "crowd")}
    with running() as gateway:
        # No limit holds up the measured clients; the crowd has a key of its own with a low one.
        secret, limited = gateway.key(rate=1e9), gateway.key(rate=10)
        gateway.start()
        assert isinstance(gateway.process, subprocess.Popen)
        process = psutil.Process(gateway.process.pid)
        uvloop.run(batched(gateway, secret, batches(100)))
        uvloop.run(paced(gateway, secret, RATE, SECONDS))  # Kafka's JVM compiles its hot code during this
        for _ in range(repetitions):
            bodies = batches(BATCHES)
            found["bare"].append(bare(gateway.connection, bodies))
            before = sum(process.cpu_times()[:2])
            found["rate"].append(uvloop.run(batched(gateway, secret, bodies)))
            found["core"].append(len(bodies) * BATCH / (sum(process.cpu_times()[:2]) - before))
            cuts = quantiles(uvloop.run(paced(gateway, secret, RATE, SECONDS)), n=100)
            found["p50"].append(cuts[49] * 1000)
            found["p99"].append(cuts[98] * 1000)
            waits, refused = uvloop.run(crowded(gateway, limited, secret, SECONDS / 2))
            assert refused > CROWD  # or the crowd was not over its limit, and its case says nothing
            found["crowd"].append(quantiles(waits, n=100)[98] * 1000)
    base = "bare confluent-kafka", found["bare"]
    return [
        row("gateway: bare confluent-kafka, same bytes", "events/s", found["bare"]),
        row(f"gateway: batches of {BATCH}", "events/s", found["rate"], base),
        row(f"gateway: batches of {BATCH}, core", "events/s", found["core"]),
        row(f"gateway: single events at {RATE}/s, p50", "ms", found["p50"]),
        row(f"gateway: single events at {RATE}/s, p99", "ms", found["p99"]),
        row(f"gateway: {OTHERS * 10}/s beside {CROWD} over the limit, p99", "ms", found["crowd"]),
    ]
