"""Metric snapshots: what a scrape sees while they are published."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.aspects import Aspects
from plaudit_stream_processors.metrics.windows import WINDOWS, bucket_names, window_figures
from plaudit_stream_processors.worker import snapshots
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.snapshots import SnapshotPublisher
from prometheus_client import generate_latest


class _Scraper:
    """Stands where a publish waits, and notes the windows that a scrape would find there."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self.seen: list[set[str]] = []

    def scrape(self) -> None:
        text = generate_latest(self._metrics.registry).decode()
        self.seen.append({w.name for w in WINDOWS if f"plaudit_messages{{{_labels(w.name)}}} " in text})


class _Reader:
    """Counters of one series in the current buckets."""

    def __init__(self, scraper: _Scraper) -> None:
        now_us = time.time_ns() // 1000
        cells = {"shop|m|1||sdk messages:assistant": 7}
        self.totals = {name: cells for window in WINDOWS for name in bucket_names(window, now_us)}
        self._scraper = scraper

    async def refresh(self, names: set[str]) -> None:
        assert names
        self._scraper.scrape()


def _labels(window: str) -> str:
    return f'application="shop",model="m",model_version="1",source="sdk",variant="",window="{window}"'


def test_a_scrape_during_a_publish_misses_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = WorkerMetrics()
    scraper = _Scraper(metrics)
    sent: list[Any] = []

    def scraped_figures(*given: Any) -> Any:
        scraper.scrape()
        return window_figures(*given)

    async def send_records(records: list[Any]) -> None:
        scraper.scrape()
        sent.extend(records)

    monkeypatch.setattr(snapshots, "window_figures", scraped_figures)

    async def broker_now_ms(_topic: str) -> int:
        return time.time_ns() // 1_000_000

    output: Any = SimpleNamespace(send_records=send_records, broker_now_ms=broker_now_ms)
    reader: Any = _Reader(scraper)
    publisher = SnapshotPublisher(reader, output, Encoder("metric_snapshot"), metrics, "t", Aspects.none())
    asyncio.run(publisher.publish_snapshots([0]))
    scraper.seen.clear()
    asyncio.run(publisher.publish_snapshots([0]))
    assert scraper.seen == [{window.name for window in WINDOWS}] * (len(WINDOWS) + 2)
    assert len(sent) == 2 * len(WINDOWS)
