"""The time from Kafka's ack of an event to its state in Valkey, for each event at 2,000 events a second.

A producer keeps the pace and notes when Kafka acknowledged each offset. A reader asks for the partitions'
positions every five milliseconds and notes when each offset was committed. Both use the same clock. Both
sleep in between, because they share the cores with what they measure.
"""

import threading
import time
import uuid
from statistics import quantiles
from typing import Any

import redis

from benchmarks.report import Row, row
from benchmarks.stage import PARTITIONS, Stage, stage, stop
from harness.events import events

_RATE, _SECONDS, _WARM_S = 2000, 30, 10
Moments = dict[tuple[int, int], float]


def run(repetitions: int) -> list[Row]:
    """The rows of p50 and p99, in milliseconds."""
    halves, tails = [], []
    with stage() as servers:
        name = uuid.uuid4().hex[:8] + "."
        worker = servers.worker(name)
        try:
            _measure(servers, name, _WARM_S, seed=99)  # warms up; not counted
            for repetition in range(repetitions):
                waits = _measure(servers, name, _SECONDS, seed=repetition)
                cuts = quantiles(waits, n=100)
                halves.append(cuts[49] * 1000)
                tails.append(cuts[98] * 1000)
        finally:
            stop(worker)
    return [row(f"event to state, p50 at {_RATE}/s", "ms", halves), row(f"p99 at {_RATE}/s", "ms", tails)]


def _measure(servers: Stage, name: str, seconds: int, seed: int) -> list[float]:
    acked: Moments = {}
    reader = _Reader(servers, name)
    reader.start()
    _produce(servers, acked, _RATE * seconds, seed)
    deadline = time.monotonic() + 60
    while reader.total() < servers.acked_before + len(acked) and time.monotonic() < deadline:
        time.sleep(0.05)
    reader.stopped.set()
    reader.join()
    servers.acked_before += len(acked)
    waits = [reader.committed[place] - moment for place, moment in acked.items() if place in reader.committed]
    assert len(waits) == len(acked), f"{len(acked) - len(waits)} events were not committed within a minute"
    return waits


def _produce(servers: Stage, acked: Moments, count: int, seed: int) -> None:
    def note(error: Any, message: Any) -> None:
        assert error is None, error
        acked[message.partition(), message.offset()] = time.monotonic()

    made = list(events(count, open_conversations=2000, seed=seed + 10, start_us=time.time_ns() // 1000))
    servers.send_at_rate(made, _RATE, note)


class _Reader(threading.Thread):
    """Notes for each offset when the committed position had passed it."""

    def __init__(self, servers: Stage, name: str) -> None:
        super().__init__(daemon=True)
        self._client = redis.Redis.from_url(servers.valkey)
        self._name = name
        self._next = self._positions()
        self.committed: Moments = {}
        self.stopped = threading.Event()

    def total(self) -> int:
        """The number of events committed since the topic began."""
        return sum(self._next)

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            now_at = self._positions()
            moment = time.monotonic()
            for partition, (before, after) in enumerate(zip(self._next, now_at, strict=True)):
                for offset in range(before, after):
                    self.committed[partition, offset] = moment
            self._next = now_at

    def _positions(self) -> list[int]:
        pipeline = self._client.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipeline.hget(f"{self._name}{{plaudit:{partition}}}:position", "next")
        return [int(found or 0) for found in pipeline.execute()]
