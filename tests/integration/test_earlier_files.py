"""A root of an earlier version: the sink goes on, and the audit balances."""

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.rows.schemas import SCHEMAS
from plaudit_infra.audit.report import text
from plaudit_infra.audit.run import audit
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from tests.support.earlier import make_earlier
from tests.support.line import Line
from tests.support.sinks import Sinks, logged, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_files_without_the_later_columns_balance_and_the_sink_goes_on(
    line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=2), tmp_path / "out"
    writing = sinks(one, rotate_rows="40")
    for seed in (1, 2):
        one.send(events(1500, open_conversations=50, seed=seed, start_us=time.time_ns() // 1000))
        worker = one.start_worker()
        one.wait_folded()
        one.end_worker(worker)
        writing.once()
        if seed == 1:
            old = sorted(out.glob("v1/*/*/*.parquet"))
            make_earlier(old)
    assert not pq.read_schema(old[0]).equals(SCHEMAS["conversations"])
    report = audit(one.connection, WorkerSettings(), str(out))
    assert report.balanced, text(report)
    assert sources(out) == dict.fromkeys(logged(one.connection), 1)
