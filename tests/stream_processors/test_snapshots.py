"""Metric snapshots: what a scrape sees while they are published."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from plaudit_schemas.codec.wire import Encoder
from plaudit_stream_processors.metrics.windows import WINDOWS, bucket_names
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.snapshots import SnapshotPublisher
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


async def _shown_while_publishing(publisher: SnapshotPublisher, metrics: WorkerMetrics) -> list[set[str]]:
    await publisher.publish_snapshots([0])
    seen: list[set[str]] = []

    async def scrape() -> None:
        while True:
            text = generate_latest(metrics.registry).decode()
            seen.append({w.name for w in WINDOWS if f"plaudit_messages{{{_labels(w.name)}}} " in text})
            await asyncio.sleep(0)

    scraper = asyncio.create_task(scrape())
    await asyncio.sleep(0)
    await publisher.publish_snapshots([0])
    scraper.cancel()
    return seen


def _labels(window: str) -> str:
    return f'application="shop",model="m",model_version="1",source="sdk",variant="",window="{window}"'


def test_a_scrape_during_a_publish_misses_no_window() -> None:
    metrics = WorkerMetrics()
    sent: list[Any] = []

    async def send_records(records: list[Any]) -> None:
        sent.extend(records)

    output: Any = SimpleNamespace(send_records=send_records)
    reader: Any = _Reader()
    publisher = SnapshotPublisher(reader, output, Encoder("metric_snapshot"), metrics, "t")
    seen = asyncio.run(_shown_while_publishing(publisher, metrics))
    assert len(seen) > 2
    assert all(windows == {window.name for window in WINDOWS} for windows in seen)
    assert len(sent) == 2 * len(WINDOWS)
