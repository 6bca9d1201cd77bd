"""Metric snapshots: what a scrape sees while they are published."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from plaudit_schemas.codec import Encoder
from plaudit_stream_processors.metrics.windows import WINDOWS, bucket_names
from plaudit_stream_processors.worker.snapshots import Snapshots
from plaudit_stream_processors.worker.telemetry import Telemetry
from prometheus_client import generate_latest


class _Reader:
    """Counters of one series in the current buckets."""

    def __init__(self) -> None:
        now_us = time.time_ns() // 1000
        cells = {"shop|m|1||sdk messages:assistant": 7}
        self.totals = {name: cells for window in WINDOWS for name in bucket_names(window, now_us)}

    async def refresh(self) -> None:
        await asyncio.sleep(0)

    def forget_before(self, names: set[str]) -> None:
        pass


async def _shown_while_publishing(snapshots: Snapshots, telemetry: Telemetry) -> list[set[str]]:
    await snapshots.publish([0])
    seen: list[set[str]] = []

    async def scrape() -> None:
        while True:
            text = generate_latest(telemetry.registry).decode()
            seen.append({w.name for w in WINDOWS if f"plaudit_messages{{{_labels(w.name)}}} " in text})
            await asyncio.sleep(0)

    scraper = asyncio.create_task(scrape())
    await asyncio.sleep(0)
    await snapshots.publish([0])
    scraper.cancel()
    return seen


def _labels(window: str) -> str:
    return f'application="shop",model="m",model_version="1",source="sdk",variant="",window="{window}"'


def test_a_scrape_during_a_publish_misses_no_window() -> None:
    telemetry: Any = Telemetry()
    sent: list[Any] = []

    async def send(letters: list[Any]) -> None:
        sent.extend(letters)

    outlet: Any = SimpleNamespace(send=send)
    snapshots = Snapshots(_Reader(), outlet, Encoder("metric_snapshot"), telemetry, "t")  # type: ignore[arg-type]
    seen = asyncio.run(_shown_while_publishing(snapshots, telemetry))
    assert len(seen) > 2
    assert all(windows == {window.name for window in WINDOWS} for windows in seen)
    assert len(sent) == 2 * len(WINDOWS)
