"""Metric snapshots: the figures of every series and window, to Kafka and to Prometheus."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict

from plaudit_schemas.codec import Encoder, Record
from redis.exceptions import RedisError

from plaudit_stream_processors.metrics.figures import Figure
from plaudit_stream_processors.metrics.series import labels_of
from plaudit_stream_processors.metrics.windows import WINDOWS, Window, bucket_names, window_figures
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.worker.outlet import Letter, Outlet
from plaudit_stream_processors.worker.telemetry import Telemetry

log = logging.getLogger(__name__)


class Snapshots:
    """Publishes what the counters amount to. One worker does: the owner of partition 0."""

    def __init__(
        self, reader: CounterReader, outlet: Outlet, encoder: Encoder, telemetry: Telemetry, topic: str
    ) -> None:
        self._reader, self._outlet, self._encoder = reader, outlet, encoder
        self._telemetry, self._topic = telemetry, topic

    async def publish(self, partitions: Iterable[int]) -> int:
        """Read what changed and publish every series; how many snapshots. Waits for Kafka."""
        if 0 not in set(partitions):
            self._telemetry.forget_figures()
            self._telemetry.gauge("plaudit_snapshot_timestamp_seconds").clear()
            return 0
        try:
            await self._reader.refresh()
        except RedisError as error:
            log.warning("snapshots wait: %s", error)
            return 0
        now_us = time.time_ns() // 1000
        # In a thread: an hour has 360 buckets, and the batches must not wait for their sum.
        found = [
            (window, series, figures)
            for window in WINDOWS
            for series, figures in (
                await asyncio.to_thread(window_figures, [self._reader.totals], window, now_us)
            ).items()
        ]
        # Without a pause: a scrape in between would miss windows, and alerts on them would begin anew.
        self._telemetry.forget_figures()
        for window, series, figures in found:
            self._telemetry.show(window.name, series, figures)
        letters = [
            Letter(
                self._topic,
                f"{window.name}|{series}".encode(),
                self._encoder.encode(record(window, series, figures, now_us)),
            )
            for window, series, figures in found
        ]
        self._reader.forget_before({name for window in WINDOWS for name in bucket_names(window, now_us)})
        await self._outlet.send(letters)
        self._telemetry.gauge("plaudit_snapshot_timestamp_seconds").labels(self._topic).set(now_us / 1e6)
        return len(letters)


def record(window: Window, series: str, figures: Iterable[Figure], at_us: int) -> Record:
    """One series over one window as the topic has it."""
    labels = labels_of(series)
    return {
        "window_seconds": window.seconds,
        "at": at_us,
        **labels._asdict(),
        "immature": window.immature,
        "figures": [
            {
                "name": figure.name,
                "rater_kind": figure.rater_kind,
                "scale": figure.scale,
                "level": figure.level,
                **asdict(figure.estimate),
            }
            for figure in figures
        ],
    }
