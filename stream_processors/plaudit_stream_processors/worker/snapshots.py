"""Metric snapshots: the figures of every series and window, to Kafka and to Prometheus."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.service.wait_notice import WaitNotice
from redis.exceptions import RedisError

from plaudit_stream_processors.metrics.figure import Figure
from plaudit_stream_processors.metrics.figures import SKEWED
from plaudit_stream_processors.metrics.series import labels_of
from plaudit_stream_processors.metrics.windows import WINDOWS, Window, bucket_names, window_figures
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics

log = logging.getLogger(__name__)


class SnapshotPublisher:
    """Publishes the figures of all counters. Only one worker does: the owner of partition 0."""

    def __init__(
        self,
        reader: CounterReader,
        output: GaplessOutput,
        encoder: Encoder,
        metrics: WorkerMetrics,
        topic: str,
        aspects: Aspects,
    ) -> None:
        self._reader, self._output, self._encoder = reader, output, encoder
        self._metrics, self._topic, self._aspects = metrics, topic, aspects
        self._notice = WaitNotice(log, "waiting to publish snapshots")

    async def publish_snapshots(self, partitions: Iterable[int]) -> int:
        """Read what changed, publish every series and window, and wait for Kafka. Returns how many snapshots.

        Args:
            partitions: those that this worker owns.
        """
        # Figures are sums over all partitions, so two publishers would only repeat each other.
        if 0 not in set(partitions):
            self._metrics.clear_figures()
            self._metrics.clear("plaudit_snapshot_timestamp_seconds")
            return 0
        now_us = 1000 * await self._output.broker_now_ms(self._topic)
        try:
            await self._reader.refresh({name for window in WINDOWS for name in bucket_names(window, now_us)})
        except RedisError as error:
            self._notice.note(str(error))
            return 0
        self._notice.note(None)
        # In a thread: the window of an hour sums 360 buckets, and batches must not wait for that.
        found = [
            (window, series, figures)
            for window in WINDOWS
            for series, figures in (
                await asyncio.to_thread(window_figures, [self._reader.totals], window, now_us, self._aspects)
            ).items()
        ]
        # No await in between: a scrape there would miss windows, and alerts on them would start over.
        self._metrics.clear_figures()
        for window, series, figures in found:
            self._metrics.show_figures(window.name, series, figures)
        records = [
            ProducerRecord(
                self._topic,
                f"{window.name}|{series}".encode(),
                self._encoder.encode(snapshot_record(window, series, figures, now_us)),
            )
            for window, series, figures in found
        ]
        await self._output.send_records(records)
        self._metrics.gauge("plaudit_snapshot_timestamp_seconds", self._topic).set(now_us / 1e6)
        return len(records)


def snapshot_record(window: Window, series: str, figures: Sequence[Figure], at_us: int) -> Record:
    """The snapshot of one series over one window, as the metrics topic has it."""
    labels = labels_of(series)
    return {
        "window_seconds": window.seconds,
        "at": at_us,
        **labels._asdict(),
        "immature": window.immature,
        "skewed": any(figure.name == SKEWED for figure in figures),
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
